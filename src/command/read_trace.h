/*
 * Fills a session from a stored run, which render_trace has written. Its bytes
 * are not believed: a line that makes no sense is told, counted and left out;
 * so is a last line that was cut off; events that a later version may have
 * added are counted.
 *
 * Called by: cmd_report.
 */
#ifndef COMMAND_READ_TRACE_H
#define COMMAND_READ_TRACE_H

#include <stdio.h>

#include "command/session.h"

struct trace;

/*
 * Reads the first line: when the run was, and of what. NULL, after a sentence,
 * when this is no trace. session, stream and name must stay.
 */
struct trace *read_trace_begin(struct session *session, FILE *stream,
			       const char *name);

/* All the rest, to the end of the run. */
void read_trace_rest(struct trace *trace);

void read_trace_end(struct trace *trace);

#endif
