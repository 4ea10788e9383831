/*
 * The writing side of the ring.
 *
 * Called by: the library in every process of a run. Lock-free,
 * async-signal-safe, no system call, allocates nothing, never waits. A record
 * costs about 50 ns. A full ring counts the record as lost.
 */
#ifndef RING_APPEND_H
#define RING_APPEND_H

#include <stdbool.h>
#include <stddef.h>

#include "ring/layout.h"

struct ring_part {
	const void *bytes;
	size_t size;
};

/*
 * How many slots there are in this mapping of size bytes; 0: it is no ring of
 * this build and of this run. Called once, before the first append: another
 * process of the run, of a user with fewer rights, may write into the header.
 */
uint32_t ring_slots(const struct ring *ring, size_t size, uint64_t run);

/*
 * Appends one record made of these parts to a ring of so many slots. What is
 * longer than RING_RECORD_BYTES is cut. False when the ring is full.
 */
bool ring_append(struct ring *ring, uint32_t slots, enum ring_kind kind,
		 const struct ring_part *parts, unsigned int count);

/* The same for what most records are: just two slots full, 2 * RING_PAYLOAD. */
bool ring_append_two(struct ring *ring, uint32_t slots, enum ring_kind kind,
		     const void *record);

/* Fetches the next four slots, which will be written to soon. */
void ring_prepare(struct ring *ring, uint32_t slots);

#endif
