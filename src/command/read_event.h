/*
 * One event of a trace, into the session.
 *
 * Called by: read_trace. Changes nothing when something in it is wrong.
 */
#ifndef COMMAND_READ_EVENT_H
#define COMMAND_READ_EVENT_H

#include <jansson.h>

#include "command/session.h"

struct trace {
	struct session *session;
	FILE *stream;
	const char *name;
	char *line;
	size_t size;
	unsigned int number;   /* of the line */
	unsigned int bad;      /* lines that made no sense */
	unsigned int strange;  /* events of a kind that is not known */
	uint64_t last;         /* the latest time that was seen */
	bool whole;            /* its last event is there */
	struct stack **stacks; /* by their number in the trace */
	size_t stack_room;
};

/* NULL, or what is wrong with it, which the caller frees. */
char *read_event(struct trace *trace, json_t *object);

#endif
