/*
 * The run as Chrome trace JSON, which ui.perfetto.dev opens: a process a
 * process, a thread a socket, a slice a state, an arrow from what one end did
 * to what the other learned of it, an instant a finding. Times are whole
 * microseconds since the start of the run.
 *
 * Called by: outputs.
 */
#ifndef COMMAND_RENDER_PERFETTO_H
#define COMMAND_RENDER_PERFETTO_H

#include <stdbool.h>
#include <stdio.h>

#include "command/arguments.h"
#include "command/session.h"

bool render_perfetto(FILE *stream, struct session *session,
		     const struct arguments *arguments);

#endif
