/*
 * A frame of a stack in a trace, with what the trace knows of it.
 *
 * Called by: read_event.
 */
#ifndef COMMAND_READ_FRAME_H
#define COMMAND_READ_FRAME_H

#include "command/trace_fields.h"

/* NULL after a mistake. No file that the trace names is looked into. */
struct place *read_frame(struct trace_fields *fields);

#endif
