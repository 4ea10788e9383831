/*
 * A session whose text nobody reads: what the fuzz targets that fill a session
 * have in common.
 */
#ifndef FUZZ_SHOWN_H
#define FUZZ_SHOWN_H

#include <stdbool.h>
#include <stdlib.h>

#include "command/command.h"
#include "command/outputs.h"
#include "command/say.h"
#include "command/session.h"

/* Static: the arguments are parsed once. */
struct shown {
	bool parsed;
	struct arguments arguments;
	struct session *session;
	struct outputs outputs;
};

/* With every transition, into a file that swallows it. */
static inline void shown_begin(struct shown *shown)
{
	char *argv[] = { (char *)"tcpshadow report", (char *)"-v",
			 (char *)"--log-file=/dev/null",
			 (char *)"--gen-suppressions=yes", NULL };

	if (!shown->parsed &&
	    arguments_parse(&shown->arguments, ARGUMENTS_REPORT, 4, argv) != 0)
		abort();
	shown->parsed = true;
	shown->session = session_new();
	shown->session->command_line = "";
	if (outputs_begin(&shown->outputs, shown->session, &shown->arguments,
			  NULL) != 0)
		abort();
	outputs_start(&shown->outputs);
}

static inline void shown_end(struct shown *shown)
{
	if (!outputs_end(&shown->outputs))
		abort();
	session_free(shown->session);
}

#endif
