/*
 * What a run is turned into: text and any number of files. They are opened
 * before the program starts, so that a path that cannot be written is told
 * then.
 *
 * Called by: cmd_run, cmd_report. A new output is a row in outputs.c.
 */
#ifndef COMMAND_OUTPUTS_H
#define COMMAND_OUTPUTS_H

#include <stdbool.h>

#include "command/arguments.h"
#include "command/atomic_file.h"
#include "command/render_text.h"
#include "command/render_trace.h"
#include "command/session.h"

struct outputs {
	struct render_text text;
	struct render_trace trace;
	const struct arguments *arguments;
	struct session *session;
	FILE *files[OPTION_COUNT]; /* by the option that names them */
	struct atomic_file replaced[OPTION_COUNT];
};

/* 0, or EXIT_BAD_INPUT after a sentence. */
int outputs_begin(struct outputs *outputs, struct session *session,
		  const struct arguments *arguments);

/*
 * Writes what is written at the end, if the run has been, and closes all. False
 * after a sentence when something could not be written.
 */
bool outputs_end(struct outputs *outputs, bool has_run);

/* Have findings remained that count for --error-exitcode? */
bool outputs_failed(const struct outputs *outputs);

#endif
