/*
 * The line of a trace about a socket that the kernel still has at the end.
 *
 * Called by: render_trace.
 */
#ifndef COMMAND_TRACE_LEFT_H
#define COMMAND_TRACE_LEFT_H

#include <jansson.h>

#include "command/session.h"

/* Of a socket with `left`; the caller owns it. */
json_t *trace_left(const struct tcp_socket *socket);

#endif
