/*
 * Suppressions by the full names that debug information gives: functions that
 * are not exported, inlined ones, source files. (The library has matched what
 * its dynamic symbols tell.)
 *
 * Called by: cmd_run, decode, render_text.
 */
#ifndef COMMAND_SUPPRESSIONS_H
#define COMMAND_SUPPRESSIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "command/session.h"

/* Reads the file. False, with one sentence for each mistake, if it is bad. */
bool suppressions_load(const char *path);

bool suppressions_match(struct symbols *symbols, enum rule rule,
			const struct stack *stack);

/* A block that would suppress this finding. */
void suppressions_print(FILE *stream, struct symbols *symbols,
			const struct found *found);

#endif
