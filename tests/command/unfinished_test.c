/* What a signal has ended: judged by what its events tell. */
#include "command/unfinished.h"

#include "made.h"

static const struct unfinished_options options = { .close_wait = 60 };

/* A connection that was accepted, and whose end of file was read. */
static void leak(struct session *session, struct process *server,
		 unsigned int number, uint64_t time)
{
	static const enum tcp_state states[] = { ST_LISTEN, ST_SYN_RCVD,
						 ST_ESTABLISHED, ST_UNKNOWN };
	struct subject subject = {
		.pid = server->pid,
		.fd = (int)number + 3,
		.role = ROLE_PASSIVE,
		.local = made_address(0, MADE_PORT),
		.peer = made_address(1 + number / 50000,
				     (uint16_t)(10000 + number % 50000)),
		.cookie = number + 1,
	};
	struct step end = { .time = time + 20000,
			    .edge = machine_edge(ST_ESTABLISHED, ST_CLOSE_WAIT,
						 EVENT_NONE),
			    .process = server,
			    .fd = subject.fd,
			    .evidence = EVIDENCE_CALL };

	made_walk(session, server, subject, time, states);
	session_step(session, &subject, &end);
}

static unsigned int leaks_found(const struct session *session)
{
	unsigned int count = 0;

	for (const struct found *found = session->found; found;
	     found = found->next)
		count += found->rule == RULE_CLOSE_WAIT_LEAK;
	return count + (session->found ? session->found->repeated : 0);
}

Test(unfinished, the_last_connection_may_have_been_left_to_the_exit)
{
	struct session *session = session_new();
	struct process *server = made_process(session, 1, "/bin/server");

	for (unsigned int i = 0; i < 5; i++)
		leak(session, server, i, MADE_START + (i + 1) * 1000000ULL);
	session_gone(session, server, MADE_START + 6000000, NULL);
	unfinished_judge(session, server, &options);
	cr_expect_eq(leaks_found(session), 4);
	session_free(session);
}

/* Were each held against all others it would take minutes. */
Test(unfinished, many_connections_that_leak_take_no_time, .timeout = 60)
{
	enum { MANY = 150000 };
	struct session *session = session_new();
	struct process *server = made_process(session, 1, "/bin/server");

	for (unsigned int i = 0; i < MANY; i++)
		leak(session, server, i, MADE_START + 1000 + i);
	session_gone(session, server, MADE_START + 1000000, NULL);
	unfinished_judge(session, server, &options);
	session_free(session);
}
