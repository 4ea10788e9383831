/*
 * What a run is turned into: text and any number of files. They are opened
 * before the program starts, so that a path that cannot be written is told
 * then, and touched when it has.
 *
 * Called by: cmd_run, cmd_report. A new output is a row in outputs.c.
 */
#ifndef COMMAND_OUTPUTS_H
#define COMMAND_OUTPUTS_H

#include <stdbool.h>
#include <stdio.h>

#include "command/arguments.h"
#include "command/output_file.h"
#include "command/render_text.h"
#include "command/render_trace.h"
#include "command/session.h"

struct outputs {
	struct render_text text;
	struct render_trace trace;
	const struct arguments *arguments;
	struct session *session;
	struct output_file files[OPTION_COUNT]; /* by the option that names it */
	bool started;
	bool failed; /* to empty one */
};

/*
 * Opens all. 0, or EXIT_BAD_INPUT after a sentence: one cannot be written, or
 * two are the same file, or one is the input (which may be NULL).
 */
int outputs_begin(struct outputs *outputs, struct session *session,
		  const struct arguments *arguments, FILE *input);

/*
 * There is something to tell: from here on the session is written, and what an
 * earlier run has left is gone.
 */
void outputs_start(struct outputs *outputs);

/*
 * Writes what is written at the end, if it has been started, and closes all.
 * False after a sentence when something could not be written.
 */
bool outputs_end(struct outputs *outputs);

/* Have findings remained that count for --error-exitcode? */
bool outputs_failed(const struct outputs *outputs);

#endif
