/*
 * The sums of a run in the text format of Prometheus, for the textfile
 * collector of its node exporter.
 *
 * Called by: outputs, which writes the file in one go.
 */
#ifndef COMMAND_RENDER_PROMETHEUS_H
#define COMMAND_RENDER_PROMETHEUS_H

#include <stdbool.h>
#include <stdio.h>

#include "command/arguments.h"
#include "command/session.h"

bool render_prometheus(FILE *stream, struct session *session,
		       const struct arguments *arguments);

#endif
