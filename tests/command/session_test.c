/* The session: whose stack it is, which ends belong together, what is dropped. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/session.h"

enum { KEPT = 200000 /* sockets */ };

static struct session *session;

static void begin(void)
{
	session = session_new();
}

static void end(void)
{
	session_free(session);
}

TestSuite(session, .init = begin, .fini = end);

static struct process *start(uint32_t number, struct process *parent)
{
	struct process process = { .number = number,
				   .pid = 1000 + (int)number,
				   .parent = parent,
				   .forked = parent != NULL,
				   .program = "/bin/x",
				   .command = "x",
				   .arguments = "x",
				   .started = 1 };

	return session_start(session, &process);
}

static struct address on_port(unsigned int port)
{
	return (struct address){ .bytes = { 127, 0, 0, 1 },
				 .port = (uint16_t)port,
				 .family = AF_INET };
}

static struct tcp_socket *step(struct process *process, uint64_t cookie,
			       unsigned int local, unsigned int peer,
			       enum tcp_state from, enum tcp_state to)
{
	struct subject subject = { .pid = process->pid,
				   .fd = 3,
				   .local = on_port(local),
				   .peer = on_port(peer),
				   .cookie = cookie };
	struct step told = { .time = cookie,
			     .process = process,
			     .fd = 3,
			     .edge = machine_edge(from, to, EVENT_NONE) };

	cr_assert(told.edge);
	return session_step(session, &subject, &told);
}

static struct tcp_socket *opened(struct process *process, uint64_t cookie,
				 unsigned int local, unsigned int peer)
{
	return step(process, cookie, local, peer, ST_CLOSED, ST_SYN_SENT);
}

static struct tcp_socket *closed(struct process *process, uint64_t cookie,
				 unsigned int local, unsigned int peer)
{
	return step(process, cookie, local, peer, ST_ESTABLISHED, ST_CLOSED);
}

static struct stack *add_stack(struct process *process, uint32_t id,
			       uint64_t offset)
{
	struct place *place =
		symbols_told(session->symbols, "/bin/x", offset, NULL);

	return session_add_stack(session, process, id, &place, 1);
}

Test(session, child_has_its_parents_stacks_until_the_number_is_its_own)
{
	struct process *parent = start(1, NULL);
	struct stack *before = add_stack(parent, 7, 0x100);
	struct process *child = start(2, parent);
	struct stack *of_parent = add_stack(parent, 9, 0x200);
	struct stack *of_child = add_stack(child, 9, 0x300);

	cr_expect_eq(session_stack(child, 7), before);
	cr_expect_neq(of_child, of_parent);
	cr_expect_eq(session_stack(child, 9), of_child);
	cr_expect_eq(session_stack(parent, 9), of_parent);
	cr_expect_eq(of_child->places[0]->offset, 0x300);
	cr_expect_eq(of_child->number, 3);
}

Test(session, ports_used_again_belong_to_the_new_connection)
{
	struct process *process = start(1, NULL);
	struct tcp_socket *client = opened(process, 1, 1111, 80);
	struct tcp_socket *server = opened(process, 2, 80, 1111);
	struct tcp_socket *second_client;
	struct tcp_socket *second_server;

	cr_assert_eq(client->other_end, server);
	cr_assert_eq(server->other_end, client);
	closed(process, 1, 1111, 80);
	closed(process, 2, 80, 1111);
	second_client = opened(process, 3, 1111, 80);
	second_server = opened(process, 4, 80, 1111);
	cr_expect_eq(second_client->other_end, second_server);
	cr_expect_eq(second_server->other_end, second_client);
	cr_expect_eq(client->other_end, server);
	cr_expect_eq(server->other_end, client);
}

Test(session, socket_that_is_connected_anew_leaves_its_old_other_end)
{
	struct process *process = start(1, NULL);
	struct tcp_socket *client = opened(process, 1, 1111, 80);
	struct tcp_socket *server = opened(process, 2, 80, 1111);

	opened(process, 1, 2222, 81);
	cr_expect_null(client->other_end);
	cr_expect_null(server->other_end);
	cr_expect_eq(opened(process, 3, 81, 2222)->other_end, client);
}

/* Connections on the same few ports again and again, as in a week of work. */
Test(session, old_connections_are_dropped_and_counted_once)
{
	enum { CONNECTIONS = KEPT / 2 + 1000 };
	struct process *process = start(1, NULL);
	unsigned int count = 0;

	for (unsigned int i = 0; i < CONNECTIONS; i++) {
		uint64_t cookie = 2 * (uint64_t)i + 1;
		unsigned int port = 1024 + i % 500;

		opened(process, cookie, port, 80);
		opened(process, cookie + 1, 80, port);
		closed(process, cookie, port, 80);
		closed(process, cookie + 1, 80, port);
	}
	for (const struct tcp_socket *socket = session->sockets; socket;
	     socket = socket->next) {
		count += !socket->other_end ||
			 socket->other_end->number > socket->number;
		/* Reads what would have been freed. */
		if (socket->other_end)
			cr_assert_eq(socket->other_end->other_end, socket);
	}
	cr_expect_gt(session->folded, 0);
	cr_expect_eq(session->folded + count, CONNECTIONS);
	cr_expect_null(session_socket(session, 1));
}

/* In a sandbox there are no cookies; each is found at once all the same. */
Test(session, sockets_without_a_cookie_are_known_by_their_descriptor,
     .timeout = 60)
{
	struct process *processes[] = { start(1, NULL), start(2, NULL) };
	struct subject subject = { .local = on_port(1), .peer = on_port(2) };
	struct tcp_socket *first;
	struct step told = { .edge = machine_edge(ST_CLOSED, ST_SYN_SENT,
						  EVENT_NONE) };

	for (int i = 0; i < KEPT; i++) {
		told.process = processes[i % 2];
		subject.fd = i / 2;
		cr_assert_eq(session_step(session, &subject, &told)->number,
			     i + 1);
	}
	told.edge = machine_edge(ST_SYN_SENT, ST_ESTABLISHED, EVENT_NONE);
	for (int i = 0; i < KEPT; i++) {
		told.process = processes[i % 2];
		subject.fd = i / 2;
		cr_assert_eq(session_step(session, &subject, &told)->number,
			     i + 1);
	}
	/* What is dropped is found no more. */
	first = session->sockets;
	cr_expect_eq(first->fd, 0);
	told.process = processes[0];
	told.edge = machine_edge(ST_ESTABLISHED, ST_CLOSED, EVENT_NONE);
	subject.fd = 0;
	cr_assert_eq(session_step(session, &subject, &told), first);
	told.edge = machine_edge(ST_CLOSED, ST_SYN_SENT, EVENT_NONE);
	subject.fd = KEPT;
	session_step(session, &subject, &told);
	cr_expect_eq(session->folded, 1);
	subject.fd = 0;
	cr_expect_eq(session_step(session, &subject, &told)->number, KEPT + 2);
}

Test(session, socket_of_a_finding_is_not_dropped)
{
	struct process *process = start(1, NULL);
	struct found found = { .rule = RULE_BLIND_SPOT,
			       .process = process,
			       .subject = { .fd = -1 },
			       .suppressed = true,
			       .message = "",
			       .help = "" };

	found.socket = opened(process, 1, 1111, 80);
	closed(process, 1, 1111, 80);
	session_found(session, &found);
	for (uint64_t i = 2; i < KEPT + 10; i++) {
		opened(process, i, 0, 0);
		closed(process, i, 0, 0);
	}
	cr_expect_gt(session->folded, 0);
	cr_expect_eq(session_socket(session, 1), found.socket);
}

static struct found *find(struct process *process, struct stack *stack)
{
	struct found found = { .rule = RULE_DOUBLE_CLOSE,
			       .process = process,
			       .subject = { .fd = -1 },
			       .stack = stack,
			       .message = "",
			       .help = "" };

	return session_found(session, &found);
}

/* The library tells a finding once, and a fork does not make it forget that. */
Test(session, what_comes_again_in_a_child_is_added_to_the_finding_of_its_parent)
{
	struct process *parent = start(1, NULL);
	struct stack *stack = add_stack(parent, 7, 0x100);
	struct found *found = find(parent, stack);
	struct process *child = start(2, parent);
	struct process *stranger = start(3, NULL);

	cr_expect(
		session_repeated(session, child, RULE_DOUBLE_CLOSE, stack, 3));
	cr_expect_eq(found->repeated, 3);
	cr_expect_not(session_repeated(session, stranger, RULE_DOUBLE_CLOSE,
				       stack, 3));
	cr_expect_not(
		session_repeated(session, child, RULE_LEFT_OPEN, stack, 3));
	cr_expect_eq(found->repeated, 3);
}

Test(session, times_are_whole_microseconds)
{
	struct process *process = start(1, NULL);
	struct tcp_socket *socket = opened(process, 1234567, 1, 2);

	cr_expect_eq(socket->first, 1234000);
	cr_expect_eq(socket->steps[0].time, 1234000);
	session_gone(session, process, 7654321, NULL);
	cr_expect_eq(process->ended, 7654000);
}

/* A forking server: as many processes as connections. */
Test(session, the_end_of_a_process_costs_nothing_for_what_was_closed_before)
{
	enum { MANY = 30000 };
	clock_t begun;

	for (unsigned int i = 1; i <= MANY; i++)
		closed(start(i, NULL), i, i, 80);
	begun = clock();
	for (unsigned int i = 1; i <= MANY; i++)
		session_gone(session, session_process(session, i), i, NULL);
	cr_expect_lt(clock() - begun, CLOCKS_PER_SEC / 2);
}
