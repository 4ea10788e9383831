/*
 * A finished run that is made up: any number of connections between two
 * processes, each opened, used and closed; and files to write to.
 *
 * Used by: the tests of renderers.
 */
#ifndef TESTS_COMMAND_MADE_H
#define TESTS_COMMAND_MADE_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/session.h"
#include "support/run.h"

#define MADE_START 1700000000000000000ULL /* ns */

enum { MADE_PORT = 5188, MADE_SENT = 1000, MADE_RECEIVED = 70 };

static char made_folder[64];
static struct run made_run;

static inline const char *made_path(const char *name)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", made_folder, name);
	return path;
}

static inline void made_begin(void)
{
	made_run = (struct run){ .input = -1 };
	strcpy(made_folder, "/tmp/tcpshadow-made-XXXXXX");
	cr_assert(mkdtemp(made_folder));
}

static inline void made_end(void)
{
	char command[128];

	run_end(&made_run);
	snprintf(command, sizeof(command), "rm -rf %s", made_folder);
	cr_expect_eq(system(command), 0);
}

/* `tcpshadow run --OPTION=FILE program`; the exit status. */
static inline int made_real(const char *option, const char *file,
			    const char *program)
{
	char argument[256];

	snprintf(argument, sizeof(argument), "--%s=%s", option,
		 made_path(file));
	return run_all(&made_run, false, NULL,
		       ARGV(run_command(), "run", argument, program));
}

static inline char *made_text(const char *name)
{
	FILE *file = fopen(made_path(name), "r");
	char *text = NULL;
	size_t room = 0;
	ssize_t length;

	cr_assert(file, "no file %s", made_path(name));
	length = getdelim(&text, &room, '\0', file);
	fclose(file);
	cr_assert_gt(length, 0);
	return text;
}

/* How many files there are. */
static inline int made_files(void)
{
	DIR *directory = opendir(made_folder);
	int number = 0;

	cr_assert(directory);
	while (readdir(directory))
		number++;
	closedir(directory);
	return number - 2;
}

static inline struct process *made_process(struct session *session,
					   uint32_t number, const char *path)
{
	struct process start = {
		.number = number,
		.pid = (int)(1000 + number),
		.program = session_text(session, path),
		.command = session_text(session, text_base_name(path)),
		.arguments = session_text(session, path),
		.started = MADE_START + number * 1000,
	};

	return session_start(session, &start);
}

static inline struct address made_address(unsigned int host, uint16_t port)
{
	struct address address = { .family = AF_INET, .port = port };
	uint32_t bytes = htonl(0x7f000001 + host);

	memcpy(address.bytes, &bytes, 4);
	return address;
}

/* One end of a connection: what it goes through, 10 us apart. */
static inline struct tcp_socket *
made_walk(struct session *session, struct process *process,
	  struct subject subject, uint64_t time, const enum tcp_state *states)
{
	struct tcp_socket *socket = NULL;

	for (; states[1]; states++, time += 10000) {
		struct step step = {
			.time = time,
			.edge = machine_edge(states[0], states[1], EVENT_NONE),
			.process = process,
			.fd = subject.fd,
			.evidence = states[1] == ST_CLOSE_WAIT ? EVIDENCE_KERNEL
							       : EVIDENCE_CALL,
		};

		cr_assert(step.edge);
		socket = session_step(session, &subject, &step);
	}
	return socket;
}

/* The client closes first. */
static inline void made_connection(struct session *session,
				   struct process *server,
				   struct process *client, unsigned int number)
{
	static const enum tcp_state active[] = { ST_CLOSED,      ST_SYN_SENT,
						 ST_ESTABLISHED, ST_FIN_WAIT_1,
						 ST_FIN_WAIT_2,  ST_TIME_WAIT,
						 ST_UNKNOWN };
	static const enum tcp_state passive[] = { ST_LISTEN,      ST_SYN_RCVD,
						  ST_ESTABLISHED, ST_CLOSE_WAIT,
						  ST_LAST_ACK,    ST_CLOSED,
						  ST_UNKNOWN };
	struct address one = made_address(0, MADE_PORT);
	struct address two = made_address(1 + number / 50000,
					  (uint16_t)(10000 + number % 50000));
	struct subject at_client = { .pid = client->pid,
				     .fd = (int)(number % 1000) + 3,
				     .role = ROLE_ACTIVE,
				     .local = two,
				     .peer = one,
				     .cookie = 2 * number + 1 };
	struct subject at_server = { .pid = server->pid,
				     .fd = (int)(number % 1000) + 3,
				     .role = ROLE_PASSIVE,
				     .local = one,
				     .peer = two,
				     .cookie = 2 * number + 2 };
	struct counters sent = { .known = true,
				 .sent = MADE_SENT,
				 .received = MADE_RECEIVED };
	struct counters received = { .known = true,
				     .sent = MADE_RECEIVED,
				     .received = MADE_SENT };
	uint64_t time = MADE_START + 1000000 + number * 100000ULL;

	session_counters(session,
			 made_walk(session, client, at_client, time, active),
			 &sent);
	session_counters(session,
			 made_walk(session, server, at_server, time + 1000,
				   passive),
			 &received);
}

static inline struct session *made_session(unsigned int connections)
{
	struct session *session = session_new();
	struct process *server = made_process(session, 1, "/bin/server");
	struct process *client = made_process(session, 2, "/bin/client");

	session->started = MADE_START;
	session->command_line = session_text(session, "server & client");
	for (unsigned int i = 0; i < connections; i++)
		made_connection(session, server, client, i);
	session->ended = MADE_START + 2000000 + connections * 100000ULL;
	session_gone(session, server, session->ended, NULL);
	session_gone(session, client, session->ended, NULL);
	return session;
}

static inline void made_finding(struct session *session, enum rule rule,
				struct process *process,
				struct tcp_socket *socket)
{
	struct found found = {
		.rule = rule,
		.time = MADE_START + 1500000,
		.process = process,
		.socket = socket,
		.subject = { .pid = process->pid, .fd = -1 },
		.message = session_text(session, "what <was> \"found\" & seen"),
		.help = session_text(session, "do & not <do>"),
	};

	session_found(session, &found);
}

#endif
