/*
 * The run as one HTML page without script: the verdict, the findings, a
 * timeline, the state diagram, the connections.
 *
 * Called by: outputs.
 */
#ifndef COMMAND_RENDER_HTML_H
#define COMMAND_RENDER_HTML_H

#include <stdbool.h>
#include <stdio.h>

#include "command/arguments.h"
#include "command/session.h"

bool render_html(FILE *stream, struct session *session,
		 const struct arguments *arguments);

#endif
