/*
 * The inside of a session: how things are found in it again.
 *
 * Used by: session.c (processes, findings), session_socket.c (sockets), and
 * nobody else.
 */
#ifndef COMMAND_SESSION_INDEX_H
#define COMMAND_SESSION_INDEX_H

#include "command/session.h"

struct session_index {
	void *texts;
	void *numbers;     /* struct process by number */
	void *pids;        /* struct pid_entry: the last process of a pid */
	void *cookies;     /* struct tcp_socket by cookie */
	void *ends;        /* struct end_entry: the last socket of two ends */
	void *descriptors; /* struct descriptor_entry: what has no cookie */
	void *names; /* struct name_entry: sockets that are not yet here */
	struct process **last_process;
	struct tcp_socket **last_socket;
	struct tcp_socket **oldest; /* where to look for one to drop */
	struct found **last_found;
	unsigned int kept;
};

/* Calls one function of every watcher that has it. */
#define TELL(session, function, ...)                           \
	for (struct watch *watch = (session)->watches; watch;  \
	     watch = watch->next) {                            \
		if (watch->function)                           \
			watch->function(watch, ##__VA_ARGS__); \
	}

void session_free_sockets(struct session *session);

#endif
