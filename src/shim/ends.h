/*
 * How closed sockets were made and ended: the stacks, by cookie. A server may
 * leave tens of thousands of sockets in TIME_WAIT within the 60 s that the
 * kernel keeps them; their records are used again long before (GHOST_MAX), but
 * who accepted and who closed them has to be told when a bind fails.
 *
 * Owns: the last 65536 ends, 20 bytes each, in memory that is touched as it is
 * used. Called by: closing and observe at the end of a socket, the explanation
 * of a busy port. Not on the data path. Lock-free, async-signal-safe; memory
 * comes from mmap, once.
 */
#ifndef SHIM_ENDS_H
#define SHIM_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/sock.h"

struct end {
	uint32_t born;      /* stack_id */
	uint32_t closed_by; /* stack_id, 0: closed unseen */
	enum role role;
};

/* Takes the room for all of them, before memory can be had no more. */
void ends_reserve(void);

/* Remembers the end of a socket. */
void ends_add(const struct sock *sock);

/* That will be soon: its place is fetched while the kernel is at work. */
void ends_prepare(void);

/*
 * A line of details in whose place the command tells who made and who closed
 * the socket, if that was in its run. None without the command.
 */
void ends_ask(struct text *text, uint64_t cookie);

/* False when nothing is known of the cookie. */
bool ends_find(uint64_t cookie, struct end *end);

#endif
