/*
 * The pair of examples, echoserv and echocli, as a test plays them, and the
 * kernel's word on the two ends of their connection.
 */
#ifndef SUPPORT_ECHO_H
#define SUPPORT_ECHO_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/diag.h"
#include "support/oracle.h"
#include "support/run.h"
#include "support/wait.h"

/* Every write looks first: a story does not wait for silence. */
static const char *const echo_eager[] = { "TCPSHADOW_SILENCE=0", NULL };

static inline int echo_start_server(struct run *server, const char *port,
				    const char *const *environment,
				    const char *const *options)
{
	const char *argv[8] = { run_example("echoserv"), "-p", port };
	int count = 3;
	int number;

	for (; options && *options; options++)
		argv[count++] = *options;
	run_start(server, true, environment, argv);
	cr_assert(run_wait_output(server, "listening on port "));
	sscanf(strstr(run_output(server), "listening on port "),
	       "listening on port %d", &number);
	return number;
}

static inline void echo_start_client(struct run *client, int port,
				     const char *const *options)
{
	char text[16];
	const char *argv[8] = { run_example("echocli"), "-p", text };
	int count = 3;

	snprintf(text, sizeof(text), "%d", port);
	for (; options && *options; options++)
		argv[count++] = *options;
	run_start(client, true, echo_eager, argv);
	cr_assert(run_wait_output(client, "connected\n"));
}

/* The child of a server that has exactly one. */
static inline pid_t echo_child(const struct run *server)
{
	char command[64];
	int child = 0;
	FILE *stream;

	snprintf(command, sizeof(command), "ps -o pid= --ppid %d", server->pid);
	stream = popen(command, "r");
	cr_assert(stream && fscanf(stream, "%d", &child) == 1);
	pclose(stream);
	return child;
}

static inline struct address echo_loopback(int port)
{
	return (struct address){ .bytes = { 127, 0, 0, 1 },
				 .port = (uint16_t)port,
				 .family = 2 /* AF_INET */ };
}

/* The kernel's state of one end; CLOSED when there is no such socket. */
static inline const char *echo_state(int local, int peer)
{
	struct address from = echo_loopback(local);
	struct address to = echo_loopback(peer);
	struct diag_row row;

	if (diag_find(&from, &to, &row) != 1 || row.peer.port != peer)
		return "CLOSED";
	return state_name(row.state);
}

struct echo_expected {
	int local;
	int peer;
	const char *state;
};

static inline bool echo_has_state(void *argument)
{
	const struct echo_expected *expected = argument;

	return strcmp(echo_state(expected->local, expected->peer),
		      expected->state) == 0;
}

static inline void echo_wait_state(int local, int peer, const char *state)
{
	struct echo_expected expected = { local, peer, state };

	cr_assert(wait_for(echo_has_state, &expected, 10000),
		  "%d %d is %s, not %s", local, peer, echo_state(local, peer),
		  state);
}

/* The port of a client, from its own log. */
static inline int echo_client_port(struct run *client)
{
	const char *line = strstr(run_log(client), " -> 127.0.0.1:");

	while (line && line[-1] != ' ' && line > client->text &&
	       line[-1] != ':')
		line--;
	return line ? atoi(line) : 0;
}

/* What both programs have logged against what was recorded. */
static inline struct comparison
echo_compare(struct oracle *oracle, struct run *server, struct run *client)
{
	char *log = strdup(run_log(client));
	struct comparison sum;

	oracle_stop(oracle);
	log = realloc(log, strlen(log) + strlen(run_log(server)) + 1);
	strcat(log, server->text);
	sum = oracle_compare(oracle, log);
	free(log);
	cr_expect_eq(sum.contradictions, 0);
	cr_expect_eq(sum.unmatched, 0);
	cr_expect_eq(sum.guesses, 0);
	return sum;
}

#endif
