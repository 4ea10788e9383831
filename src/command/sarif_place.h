/*
 * Places as SARIF has them: URIs, locations, frames, and what a place is
 * recognised by in another run.
 *
 * Called by: render_sarif. Allocates; the caller owns what is returned.
 */
#ifndef COMMAND_SARIF_PLACE_H
#define COMMAND_SARIF_PLACE_H

#include <jansson.h>

#include "command/session.h"

/* The base of URIs below the current directory. */
#define SARIF_ROOT "%SRCROOT%"

struct sarif_places {
	struct symbols *symbols;
	const char *directory; /* the current one, as bytes; NULL: not known */
};

/* "file:///..." of a path, as bytes; closed by a slash for a folder. */
char *sarif_file_uri(const char *path, bool folder);

/* A message, with nothing in it that a viewer would take for a link. */
json_t *sarif_message(const char *text);

/*
 * The stack that a finding is recognised by: its own, or (at the end of a
 * process) the first that its details name. NULL: none.
 */
const struct stack *sarif_stack_of(const struct found *found);

/*
 * Where a finding is: the innermost frame whose source file lies below the
 * current directory, or else is the program's own rather than a library's.
 * Without a stack it is the program. NULL when there is no process either.
 */
json_t *sarif_location(const struct sarif_places *places,
		       const struct process *process,
		       const struct stack *stack);

json_t *sarif_stack(const struct sarif_places *places,
		    const struct stack *stack, const char *message);

/*
 * The same in every run and on every machine: the rule, and the functions and
 * base names of the program's frames. No addresses, no lines, no pids.
 */
char *sarif_fingerprint(const struct sarif_places *places,
			const struct found *found);

#endif
