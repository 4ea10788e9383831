/* Connections: which sockets belong together, who ended it, what it carried. */
#include "command/connections.h"

#include "made.h"

static struct session *session;
static struct connection *list;
static size_t count;

static void begin(void)
{
	session = made_session(0);
	list = NULL;
}

static void finish(void)
{
	free(list);
	session_free(session);
}

TestSuite(connections, .init = begin, .fini = finish);

static struct process *server(void)
{
	return session->processes;
}

static struct process *client(void)
{
	return session->processes->next;
}

/* A socket of its own, at the client, that goes through these states. */
static struct connection walked(const enum tcp_state *states)
{
	struct subject subject = { .fd = 3,
				   .role = ROLE_ACTIVE,
				   .local = made_address(1, 4000),
				   .peer = made_address(0, MADE_PORT),
				   .cookie = 1 };

	made_walk(session, client(), subject, MADE_START, states);
	list = connections_make(session, &count);
	cr_assert_eq(count, 1);
	return list[0];
}

Test(connections, two_ends_are_one_and_the_accepting_stands_first)
{
	made_connection(session, server(), client(), 0);
	list = connections_make(session, &count);
	cr_assert_eq(count, 1);
	cr_assert(list[0].two);
	cr_expect_eq(list[0].one->role, ROLE_PASSIVE);
	cr_expect_eq(connection_process(list[0].two), client());
	cr_expect_eq(connection_ending(&list[0]).closer, CLOSER_TWO);
	cr_expect_not(connection_lives(&list[0]));
	cr_expect_eq(connection_counters(&list[0]).sent, MADE_RECEIVED);
}

/* Ports come round again: the second use is not the first one's other end. */
Test(connections, the_same_ports_twice_are_two_connections)
{
	static const enum tcp_state states[] = { ST_CLOSED, ST_SYN_SENT,
						 ST_ESTABLISHED, ST_UNKNOWN };
	struct subject there = { .fd = 3,
				 .role = ROLE_ACTIVE,
				 .local = made_address(1, 10000),
				 .peer = made_address(0, MADE_PORT) };
	struct subject here = { .fd = 4,
				.role = ROLE_PASSIVE,
				.local = there.peer,
				.peer = there.local };

	for (uint64_t i = 1; i <= 5; i++) {
		struct subject subject = i % 2 ? there : here;

		subject.cookie = i;
		made_walk(session, i % 2 ? client() : server(), subject,
			  MADE_START, states);
	}
	list = connections_make(session, &count);
	cr_assert_eq(count, 3);
	for (size_t i = 0; i < 2; i++) {
		cr_assert(list[i].two);
		cr_expect_eq(list[i].one->cookie, list[i].two->cookie + 1);
	}
	cr_expect_null(list[2].two);
}

Test(connections, an_end_that_nobody_here_caused)
{
	struct connection connection = walked((const enum tcp_state[]){
		ST_CLOSED, ST_SYN_SENT, ST_ESTABLISHED, ST_CLOSE_WAIT,
		ST_LAST_ACK, ST_CLOSED, ST_UNKNOWN });

	cr_expect_eq(connection_ending(&connection).closer, CLOSER_TWO);
	cr_expect_eq(connection_ending(&connection).time, MADE_START + 20000);
	cr_expect_null(connection.two);
}

Test(connections, both_at_once)
{
	struct connection connection = walked((const enum tcp_state[]){
		ST_CLOSED, ST_SYN_SENT, ST_ESTABLISHED, ST_FIN_WAIT_1,
		ST_CLOSING, ST_TIME_WAIT, ST_UNKNOWN });

	cr_expect_eq(connection_ending(&connection).closer, CLOSER_BOTH);
}

Test(connections, one_that_goes_on)
{
	struct connection connection = walked((const enum tcp_state[]){
		ST_CLOSED, ST_SYN_SENT, ST_ESTABLISHED, ST_UNKNOWN });

	cr_expect_null(connection_ending(&connection).edge);
	cr_expect(connection_lives(&connection));
	cr_expect_eq(connection_last(&connection, session), session->ended);
	cr_expect_not(connection_counters(&connection).known);
}

Test(connections, one_that_was_refused)
{
	struct connection connection = walked((const enum tcp_state[]){
		ST_CLOSED, ST_SYN_SENT, ST_CLOSED, ST_UNKNOWN });

	cr_expect_eq(connection_ending(&connection).closer, CLOSER_TWO);
	cr_expect_eq(connection_ending(&connection).edge->event, EVENT_RCV_RST);
}

Test(connections, counters_only_grow)
{
	struct counters later = { .known = true, .sent = 12, .received = 12 };
	struct counters stale = { .known = true, .sent = 0, .received = 6 };

	made_connection(session, server(), client(), 0);
	session->sockets->counters = (struct counters){ .known = false };
	session_counters(session, session->sockets, &later);
	session_counters(session, session->sockets, &stale);
	cr_expect_eq(session->sockets->counters.sent, 12);
	cr_expect_eq(session->sockets->counters.received, 12);
}

/* What a server's parent tells at its close its child has gone beyond. */
Test(connections, counters_of_a_shared_close_are_not_the_last_word)
{
	struct counters early = { .known = true, .sent = 0, .received = 6 };
	struct counters last = { .known = true, .sent = 12, .received = 12 };
	struct tcp_socket *socket;

	made_connection(session, server(), client(), 0);
	socket = session->sockets;
	socket->counters = (struct counters){ .known = false };
	session_counters(session, socket, &early);
	session_released(session, socket->owner, socket->cookie);
	cr_expect_not(socket->counters.known);
	session_counters(session, socket, &last);
	cr_expect_eq(socket->counters.sent, 12);
}
