/*
 * Names that somebody may have meant.
 *
 * Called by: explain. Pure.
 */
#ifndef COMMAND_NEAREST_H
#define COMMAND_NEAREST_H

#include <stddef.h>

enum { NEAREST_MAX = 3 };

/*
 * Up to NEAREST_MAX of the names that look or begin like the word, the nearest
 * first; case does not count, nor `-` against `_`. Returns how many.
 */
size_t nearest_names(const char *word, const char *const *names, size_t count,
		     const char *near[static NEAREST_MAX]);

/* The same name, case and `-` against `_` aside? */
int nearest_is_same(const char *a, const char *b);

#endif
