/*
 * The objects that have come with the program: itself, what it needs, and what
 * is preloaded. They are never unloaded, and what is read of them stays true.
 *
 * Owns: the list. Called by: the constructor, frames. Async-signal-safe, makes
 * no system call, allocates nothing.
 */
#ifndef SHIM_INITIAL_H
#define SHIM_INITIAL_H

#include <link.h>
#include <stdbool.h>

/* From the constructor; those of other libraries may have run before. */
void initial_start(void);

/* Of more than 256 objects the later ones are none. */
bool initial_has(const struct link_map *map);

#endif
