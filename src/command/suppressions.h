/*
 * Suppressions by the full names that debug information gives: functions that
 * are not exported, inlined ones, source files. (The library has matched what
 * its dynamic symbols tell.)
 *
 * Called by: cmd_run, cmd_report, decode, read_event, render_text.
 */
#ifndef COMMAND_SUPPRESSIONS_H
#define COMMAND_SUPPRESSIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "command/session.h"

/*
 * Reads the file. False after a sentence if it cannot be read. For each mistake
 * in it there is a sentence, and the rest applies.
 */
bool suppressions_load(const char *path);

/* Were there mistakes? At the end they are far up: says so once more. */
bool suppressions_recall_mistakes(void);

bool suppressions_match(struct symbols *symbols, enum rule rule,
			const struct stack *stack);

/* A block that would suppress this finding. */
void suppressions_print(FILE *stream, struct symbols *symbols,
			const struct found *found);

#endif
