/*
 * The state machine: the edges of transitions.def and walks over them.
 *
 * Called by: observe (shim) and the tests. Knows nothing of descriptors.
 * Pure: no I/O, no allocation, async-signal-safe.
 */
#ifndef MODEL_MACHINE_H
#define MODEL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/state.h"

enum tcp_event {
#define EVENT(name, text) EVENT_##name,
#include "model/transitions.def"
	EVENT_COUNT
};

struct edge {
	enum tcp_state from;
	enum tcp_event event;
	enum tcp_state to;
	const char *section; /* of RFC 9293 */
	const char *text;    /* the cause, as the log says it */
};

/* No shortest path between two states is longer than this; nor two of them. */
enum { MACHINE_PATH_MAX = 6, MACHINE_WALK_MAX = 2 * MACHINE_PATH_MAX };

/* The table itself; count, if not NULL, is the number of its rows. */
const struct edge *machine_edges(size_t *count);

/* The text of an event, for documentation. */
const char *machine_event_text(enum tcp_event event);

/*
 * The edge from -> to. With an event other than EVENT_NONE the edge of that
 * event is preferred. NULL when the diagram has no such edge.
 */
const struct edge *machine_edge(enum tcp_state from, enum tcp_state to,
				enum tcp_event event);

/*
 * The shortest legal path from -> to, over `via` unless that is ST_UNKNOWN or
 * one of the two; the last step prefers `event`. Puts the rows of machine_edges
 * into rows and returns their number, 0 when there is no legal path, or none is
 * needed.
 */
size_t machine_path(enum tcp_state from, enum tcp_state via, enum tcp_state to,
		    enum tcp_event event,
		    uint8_t rows[static MACHINE_WALK_MAX]);

/* What else is known of a closed socket that the kernel shows no more. */
enum fate {
	FATE_UNKNOWN,
	FATE_WAITED,    /* it has been closed for longer than TIME_WAIT lasts */
	FATE_SUCCEEDED, /* a newer connection has its two ends by now */
	FATE_ANSWERED,  /* the other end has closed in order */
	FATE_WAS_RESET, /* the other end has sent a reset */
	FATE_RESET_OTHER, /* the other end was sent one */
};

/* How it came from its last known state to CLOSED. */
struct machine_ending {
	enum tcp_state via;   /* by this state; UNKNOWN: the shortest way */
	enum tcp_event event; /* of the last step */
	bool likely;          /* ... which is not certain */
};

/*
 * The kernel forgets a socket in FIN_WAIT_1 or FIN_WAIT_2 when a reset ends it,
 * and where it got to TIME_WAIT: after 60 s (TCP_TIMEWAIT_LEN), or for a newer
 * connection between the same ends. That is likely and no more: a reset sets
 * the ports free as well, and a peer that never closes is waited for for as
 * long (tcp_fin_timeout).
 */
struct machine_ending machine_ending(enum tcp_state state, enum fate fate);

#endif
