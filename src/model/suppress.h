/*
 * Suppressions: findings that are known and not to be shown, in the manner of
 * valgrind's files.
 *
 *     {
 *        a name for it
 *        write-after-peer-close
 *        fun:send_*
 *        ...
 *        obj:libcurl.so.*
 *     }
 *
 * The second line is the rule, or `*`. The rest is the call stack from the
 * innermost frame out: fun: a function, obj: a module, src: a source file;
 * `*` and `?` are wildcards, `...` stands for any number of frames. What is not
 * named matches any frames further out. `#` begins a comment.
 *
 * Owns: the parsed suppressions of one process. Pure: no I/O, no allocation,
 * async-signal-safe after suppress_parse.
 */
#ifndef MODEL_SUPPRESS_H
#define MODEL_SUPPRESS_H

#include <stdbool.h>

#include "model/rule.h"

/* A block has no more lines for frames. */
enum { SUPPRESS_FRAMES_MAX = 24 };

/* What is known of a frame; NULL: nothing. */
struct frame_names {
	const char *function;
	const char *module;
	const char *source;
};

/*
 * Parses text, which is changed and must stay. For each mistake `mistake` is
 * called with the number of the line and one clause; the block it stands in is
 * left out, the rest applies.
 */
void suppress_parse(char *text,
		    void (*mistake)(unsigned int line, const char *what));

/* Forgets all. */
void suppress_clear(void);

/*
 * Is a finding of this rule suppressed? names tells what is known of frame i,
 * 0 the innermost; false when there is no such frame.
 */
bool suppress_matches(enum rule rule,
		      bool (*names)(unsigned int i, struct frame_names *,
				    void *),
		      void *argument);

/* Does text match a pattern with `*` and `?`? */
bool suppress_glob(const char *pattern, const char *text);

#endif
