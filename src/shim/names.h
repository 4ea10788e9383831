/*
 * The names that the program has given to its sockets, by cookie.
 *
 * Owns: room for 4096 of them. Called by: public, report. Not on the data path.
 * Lock-free, async-signal-safe, no system call; zeroed memory is no names. Of
 * eight names whose cookies fall together the oldest is given up for a ninth.
 */
#ifndef SHIM_NAMES_H
#define SHIM_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"

/*
 * Remembers a copy, printable and not longer than SUBJECT_NAME_SIZE - 1; NULL
 * or "" forgets the name. Has the socket a name now? Not when others have been
 * writing in the same place all the while.
 */
bool names_set(uint64_t cookie, const char *name);

/* "" when there is none. */
void names_get(uint64_t cookie, char name[static SUBJECT_NAME_SIZE]);

#endif
