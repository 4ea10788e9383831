/*
 * The run as text for a person: findings (and, if wanted, transitions) as they
 * come, a summary at the end.
 *
 * Called by: outputs.
 */
#ifndef COMMAND_RENDER_TEXT_H
#define COMMAND_RENDER_TEXT_H

#include <stdio.h>

#include "command/arguments.h"
#include "command/session.h"

struct render_text {
	struct watch watch; /* first: watchers are given this address */
	struct session *session;
	FILE *stream;
	bool verbose;
	bool quiet;
	bool color;
	bool gen_suppressions;
	char *directory; /* paths below it are shown relative */
};

/* Watches the session, and writes to the stream. */
void render_text_begin(struct render_text *render, struct session *session,
		       const struct arguments *arguments, FILE *stream);

/* The summary. */
void render_text_summary(struct render_text *render);

/* False when something could not be written. */
bool render_text_end(struct render_text *render);

/* A finding with its stacks. Paths below the directory are shown relative. */
void render_text_finding(FILE *stream, struct symbols *symbols,
			 const struct found *found, const char *directory,
			 bool color);

/* "#0 function (file:line)\n" a frame, each after the indent. */
void render_text_stack(FILE *stream, struct symbols *symbols,
		       const struct stack *stack, const char *indent,
		       const char *directory);

#endif
