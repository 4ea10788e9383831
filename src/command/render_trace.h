/*
 * The run as NDJSON, one line an event, as they come (docs/trace.schema.json).
 * What was written when tcpshadow is killed can be read.
 *
 * Owns: the objects that its lines are made from; the stream is the caller's.
 * Called by: outputs. A transition costs a few microseconds: its object is made
 * once, and only its values change.
 */
#ifndef COMMAND_RENDER_TRACE_H
#define COMMAND_RENDER_TRACE_H

#include <jansson.h>
#include <stdio.h>

#include "command/session.h"

enum { RENDER_TRACE_VALUES = 21 };

struct render_trace {
	struct watch watch; /* first: watchers are given this address */
	struct session *session;
	FILE *stream;
	char *line; /* room for one */
	size_t size;
	json_t *transition;
	json_t *values[RENDER_TRACE_VALUES]; /* of the transition */
};

/* Writes the first line, and watches the session. */
void render_trace_begin(struct render_trace *render, struct session *session,
			FILE *stream);

void render_trace_end(struct render_trace *render);

#endif
