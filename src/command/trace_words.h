/*
 * The words of a trace that are in no table of the model.
 *
 * Used by: render_trace, read_trace.
 */
#ifndef COMMAND_TRACE_WORDS_H
#define COMMAND_TRACE_WORDS_H

#include "model/event.h"

/* A trace of another format is not read. */
enum { TRACE_FORMAT = 1 };

/* "active", "passive", "none" */
const char *trace_role(enum role role);

/* "call", "kernel", "inferred" */
const char *trace_evidence(enum evidence evidence);

/* "RCV_FIN": the name in transitions.def. */
const char *trace_event(enum tcp_event event);

#endif
