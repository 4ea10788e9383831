#include "model/machine.h"

#include <stdbool.h>

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

const struct edge *machine_edge(enum tcp_state from, enum tcp_state to,
				enum tcp_event event)
{
	const struct edge *found = NULL;

	for (size_t i = 0; i < EDGE_COUNT; i++) {
		if (edges[i].from != from || edges[i].to != to)
			continue;
		if (edges[i].event == event)
			return &edges[i];
		if (!found)
			found = &edges[i];
	}
	return found;
}

/* Breadth first over eleven states; the order of the rows breaks ties. */
size_t machine_path(enum tcp_state from, enum tcp_state to,
		    enum tcp_event event,
		    const struct edge *path[static MACHINE_PATH_MAX])
{
	const struct edge *reached_by[ST_COUNT] = { NULL };
	enum tcp_state queue[ST_COUNT];
	size_t head = 0;
	size_t tail = 0;
	size_t length = 0;

	if (from == to || from == ST_UNKNOWN || to == ST_UNKNOWN)
		return 0;
	queue[tail++] = from;
	while (head < tail && !reached_by[to]) {
		enum tcp_state at = queue[head++];

		for (size_t i = 0; i < EDGE_COUNT; i++) {
			enum tcp_state next = edges[i].to;

			if (edges[i].from != at || next == from ||
			    reached_by[next])
				continue;
			reached_by[next] = &edges[i];
			queue[tail++] = next;
		}
	}
	for (enum tcp_state at = to; at != from; at = reached_by[at]->from) {
		if (!reached_by[at] || length == MACHINE_PATH_MAX)
			return 0;
		length++;
	}
	for (size_t i = length; i > 0; i--) {
		path[i - 1] = reached_by[to];
		to = path[i - 1]->from;
	}
	path[length - 1] = machine_edge(path[length - 1]->from,
					path[length - 1]->to, event);
	return length;
}
