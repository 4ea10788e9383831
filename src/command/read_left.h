/*
 * Of a trace: a socket that the kernel still had at the end.
 *
 * Called by: read_event.
 */
#ifndef COMMAND_READ_LEFT_H
#define COMMAND_READ_LEFT_H

#include "command/read_event.h"
#include "command/trace_fields.h"

void read_left(struct trace *trace, struct trace_fields *fields);

#endif
