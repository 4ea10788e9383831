/*
 * The findings of a run as SARIF 2.1.0 (OASIS).
 *
 * A finding that came up several times, also in several processes, is one
 * result with its occurrenceCount. What could not be seen is no result but a
 * notification of the invocation.
 *
 * Called by: outputs.
 */
#ifndef COMMAND_RENDER_SARIF_H
#define COMMAND_RENDER_SARIF_H

#include <stdbool.h>
#include <stdio.h>

#include "command/arguments.h"
#include "command/session.h"

/* False when it could not be written. */
bool render_sarif(FILE *stream, struct session *session,
		  const struct arguments *arguments);

#endif
