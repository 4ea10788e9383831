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

enum { HANDOVER_SIZE = 1024 };

/*
 * How many pointers the environment needs with the variable added, the last one
 * NULL included; 0: nothing crosses, nobody would listen, or it cannot be read.
 */
size_t handover_room(char *const *environment);

/* Fills the array, and the text of the variable into space. */
void handover_fill(char **filled, char space[static HANDOVER_SIZE],
		   char *const *environment);

/* Keeps what the program before has told. Called once, by the constructor. */
void handover_read(char *const *environment);

/*
 * The stack of a listener's birth in the program before, 0: not told. Its
 * frames are no return addresses: each is the address of its own text, as
 * handover_frame gives it. For the ring there is one also where nothing was
 * told: its only frame is the cookie, by which the command knows the birth.
 */
uint32_t handover_birth(uint64_t cookie);

/*
 * What was told of a frame, "module+0x123 (function)", and its length; NULL
 * when it is an address of this program.
 */
const char *handover_frame(const void *frame, size_t *length);

#endif
