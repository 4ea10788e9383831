/*
 * The connections (and listeners) of a finished run: two ends that are both in
 * the run are one.
 *
 * Called by: the renderers of pictures.
 */
#ifndef COMMAND_CONNECTIONS_H
#define COMMAND_CONNECTIONS_H

#include "command/session.h"

struct connection {
	const struct tcp_socket *one; /* where both are here: that accepted */
	const struct tcp_socket *two; /* NULL: elsewhere */
	unsigned int interest;        /* the more the sooner it is shown */
};

/* The most interesting first, else in the order of their beginning. */
struct connection *connections_make(const struct session *session,
				    size_t *count);

/* By the process of the first end, then by beginning. */
void connections_sort_by_process(struct connection *list, size_t count);

/* By beginning. */
void connections_sort_by_time(struct connection *list, size_t count);

/* The process of a socket, as it was when it ended. */
const struct process *connection_process(const struct tcp_socket *socket);

/* The step by which the socket's own calls began its end, NULL: none did. */
const struct step *connection_own_end(const struct tcp_socket *socket);

/* The step by which it learned of the other's, NULL. */
const struct step *connection_peer_end(const struct tcp_socket *socket);

enum closer {
	CLOSER_NONE, /* open, or it timed out */
	CLOSER_ONE,
	CLOSER_TWO,  /* or whoever was at the other end */
	CLOSER_BOTH, /* at once */
};

struct ending {
	enum closer closer;
	const struct edge *edge; /* NULL: it has not ended */
	uint64_t time;
};

/* The first step to the connection's end. */
struct ending connection_ending(const struct connection *connection);

/* The time of its last close when it has ended, else the end of the run. */
uint64_t connection_last(const struct connection *connection,
			 const struct session *session);

/* The time of its first step; and from there to the last, ns. */
uint64_t connection_first(const struct connection *connection);
uint64_t connection_lasted(const struct connection *connection,
			   const struct session *session);

/* Is any end of it there still? */
bool connection_lives(const struct connection *connection);

/* Seen from the first end, taken from the second where need be. */
struct counters connection_counters(const struct connection *connection);

#endif
