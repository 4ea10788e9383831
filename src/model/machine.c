#include "model/machine.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static const struct edge edges[] = {
#define EDGE(f, e, t, s, x)   \
	{ .from = ST_##f,     \
	  .event = EVENT_##e, \
	  .to = ST_##t,       \
	  .section = s,       \
	  .text = x },
#include "model/transitions.def"
};

enum { EDGE_COUNT = sizeof(edges) / sizeof(edges[0]) };

static const char *const events[EVENT_COUNT] = {
#define EVENT(name, text) [EVENT_##name] = text,
#include "model/transitions.def"
};

const struct edge *machine_edges(size_t *count)
{
	if (count)
		*count = EDGE_COUNT;
	return edges;
}

const char *machine_event_text(enum tcp_event event)
{
	return event < EVENT_COUNT ? events[event] : events[EVENT_NONE];
}

/*
 * The edge of that event between the same two states, `first` when there is
 * none. The rows of a state stand together.
 */
static const struct edge *prefer(const struct edge *first, enum tcp_event event)
{
	const struct edge *edge = first;

	for (; edge < edges + EDGE_COUNT && edge->from == first->from; edge++) {
		if (edge->to == first->to && edge->event == event)
			return edge;
	}
	return first;
}

const struct edge *machine_edge(enum tcp_state from, enum tcp_state to,
				enum tcp_event event)
{
	for (size_t i = 0; i < EDGE_COUNT; i++) {
		if (edges[i].from == from && edges[i].to == to)
			return prefer(&edges[i], event);
	}
	return NULL;
}

/*
 * Shortest paths, one byte a step (the row and 1), the first step lowest.
 * Filled as they are asked for; who comes at once fills in the same.
 */
static _Atomic uint64_t paths[ST_COUNT][ST_COUNT][EVENT_COUNT];

_Static_assert(EDGE_COUNT < 255 && MACHINE_PATH_MAX <= 8, "a path in a word");

/* Breadth first over eleven states; the order of the rows breaks ties. */
static uint64_t find_path(enum tcp_state from, enum tcp_state to,
			  enum tcp_event event)
{
	uint8_t reached_by[ST_COUNT] = { 0 };
	enum tcp_state queue[ST_COUNT];
	uint64_t path = 0;
	size_t length = 0;
	size_t head = 0;
	size_t tail = 0;

	queue[tail++] = from;
	while (head < tail && !reached_by[to]) {
		enum tcp_state at = queue[head++];

		for (size_t i = 0; i < EDGE_COUNT; i++) {
			enum tcp_state next = edges[i].to;

			if (edges[i].from != at || next == from ||
			    reached_by[next])
				continue;
			reached_by[next] = (uint8_t)(i + 1);
			queue[tail++] = next;
		}
	}
	if (reached_by[to] && event != EVENT_NONE)
		reached_by[to] =
			(uint8_t)(prefer(&edges[reached_by[to] - 1], event) -
				  edges + 1);
	for (enum tcp_state at = to; at != from;
	     at = edges[reached_by[at] - 1].from) {
		if (!reached_by[at] || length++ == MACHINE_PATH_MAX)
			return 0;
		path = path << 8 | reached_by[at];
	}
	return path;
}

static size_t add_path(enum tcp_state from, enum tcp_state to,
		       enum tcp_event event, uint8_t *rows)
{
	_Atomic uint64_t *known = &paths[from][to][event];
	uint64_t rest = atomic_load_explicit(known, memory_order_relaxed);
	size_t length = 0;

	if (rest == 0) {
		rest = find_path(from, to, event);
		atomic_store_explicit(known, rest, memory_order_relaxed);
	}
	for (; rest != 0; rest >>= 8)
		rows[length++] = (uint8_t)((rest & 0xff) - 1);
	return length;
}

size_t machine_path(enum tcp_state from, enum tcp_state via, enum tcp_state to,
		    enum tcp_event event, uint8_t rows[static MACHINE_WALK_MAX])
{
	size_t length = 0;

	if (from == to || from == ST_UNKNOWN || to == ST_UNKNOWN)
		return 0;
	if (via != ST_UNKNOWN && via != from && via != to)
		length = add_path(from, via, EVENT_NONE, rows);
	return length +
	       add_path(length > 0 ? via : from, to, event, rows + length);
}

/* Whose reset ended it, where the close made no end that waits. */
static struct machine_ending reset_ending(enum fate fate,
					  struct machine_ending otherwise)
{
	switch (fate) {
	case FATE_WAS_RESET:
		return (struct machine_ending){ ST_UNKNOWN, EVENT_RCV_RST,
						false };
	case FATE_RESET_OTHER:
		return (struct machine_ending){ ST_UNKNOWN, EVENT_ABORT,
						false };
	default:
		return otherwise;
	}
}

/* Our FIN was out, and so may the peer's have been. */
static struct machine_ending half_ending(enum fate fate)
{
	switch (fate) {
	case FATE_SUCCEEDED:
		return (struct machine_ending){ ST_TIME_WAIT, EVENT_RCV_SYN,
						true };
	case FATE_WAITED:
	case FATE_ANSWERED:
		return (struct machine_ending){ ST_TIME_WAIT, EVENT_TIMEOUT,
						true };
	default:
		return reset_ending(fate,
				    (struct machine_ending){ ST_UNKNOWN,
							     EVENT_RST, true });
	}
}

struct machine_ending machine_ending(enum tcp_state state, enum fate fate)
{
	switch (state) {
	case ST_LISTEN:
	case ST_LAST_ACK:
		return (struct machine_ending){ ST_UNKNOWN, EVENT_NONE, false };
	case ST_TIME_WAIT:
		return (struct machine_ending){ ST_UNKNOWN,
						fate == FATE_SUCCEEDED
							? EVENT_RCV_SYN
							: EVENT_TIMEOUT,
						false };
	case ST_FIN_WAIT_1:
	case ST_FIN_WAIT_2:
	case ST_CLOSING:
		return half_ending(fate);
	default:
		return reset_ending(fate, (struct machine_ending){ ST_UNKNOWN,
								   EVENT_NONE,
								   true });
	}
}
