/*
 * What a program tells the one that it becomes: where the listeners were made
 * that go over an exec for want of close-on-exec. The next program has the
 * socket and nothing of this memory; a variable of the environment,
 * TCPSHADOW_LISTENERS, carries it, by the sockets' cookies. It is added when a
 * listener crosses, and not otherwise.
 *
 * Called by: the exec and spawn wrappers, the constructor, inherited-listener.
 * Not on the data path. Async-signal-safe, allocates nothing; handover_room and
 * handover_fill only read, so a child on borrowed memory may call them.
 */
#ifndef SHIM_HANDOVER_H
#define SHIM_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/text.h"

enum { HANDOVER_SIZE = 1024 };

/*
 * How many pointers the environment needs with the variable added, the last one
 * NULL included; 0: nothing crosses, or nobody would listen.
 */
size_t handover_room(char *const *environment);

/* Fills the array, and the text of the variable into space. */
void handover_fill(char **filled, char space[static HANDOVER_SIZE],
		   char *const *environment);

/* Keeps what the program before has told. Called once, by the constructor. */
void handover_read(char *const *environment);

/* The frames of a listener's birth, a line each; false: not told. */
bool handover_add(struct text *text, const char *indent, uint64_t cookie);

#endif
