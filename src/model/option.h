/*
 * The options: names, defaults, and the check of a value.
 *
 * Owns: the table of options.def. Called by: the library's settings, the
 * command, the documentation tests. Pure: no I/O, no allocation,
 * async-signal-safe.
 */
#ifndef MODEL_OPTION_H
#define MODEL_OPTION_H

#include <stdbool.h>
#include <stddef.h>

enum option_id {
#define OPTION(name, text, key, scope, fallback, values, help) OPTION_##name,
#include "model/options.def"
#undef OPTION
	OPTION_COUNT
};

enum option_scope {
	SCOPE_LIBRARY, /* read by the library alone */
	SCOPE_BOTH,
	SCOPE_RUN,    /* read by the command alone */
	SCOPE_HIDDEN, /* set by the command, for the library */
};

struct option_row {
	const char *environment; /* "TCPSHADOW_LOG" */
	const char *name;        /* "log" */
	char key;                /* of the short option, 0: none */
	enum option_scope scope;
	const char *fallback; /* the value when none, or a bad one, is given */
	const char *values;   /* "stderr|off|FILE"; "": a switch */
	const char *help;
};

const struct option_row *option_row(enum option_id option);

/*
 * The position of value among the option's words (0 for the first), or of the
 * placeholder (FILE, LIST: any non-empty text, NUMBER: decimal digits, below
 * 1000000000, M..N: at least M, at most N) that admits it; -1 when nothing does.
 */
int option_match(enum option_id option, const char *value);

#endif
