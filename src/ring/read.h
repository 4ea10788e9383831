/*
 * The reading side of the ring: makes it, and takes the records out.
 *
 * Called by: the command, alone and in one thread. The other side may be
 * hostile or dead: every number that comes from the mapping is checked here,
 * and a record is copied out before it is looked at.
 */
#ifndef RING_READ_H
#define RING_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "ring/layout.h"

struct ring_reader {
	struct ring *ring;
	uint32_t slot_count;
	uint64_t next;  /* the slot to look at next */
	uint64_t holes; /* records begun and never finished */
	size_t size;    /* of the mapping, in bytes */
};

struct ring_record {
	enum ring_kind kind;
	size_t size; /* bytes, a multiple of RING_PAYLOAD */
	_Alignas(16) unsigned char bytes[RING_RECORD_BYTES + 1];
};

/*
 * Makes a ring of slot_count (a power of two) slots, all of its memory taken at
 * once: a ring that cannot be filled would kill its writers by SIGBUS. Returns
 * its descriptor (close-on-exec, sealed in its size), or -errno.
 */
int ring_create(struct ring_reader *reader, uint32_t slot_count, uint64_t run);

void ring_destroy(struct ring_reader *reader);

/*
 * The next record. False when there is none yet. A record that is begun and not
 * finished is waited for, unless skip is true: then it is left out, and counted
 * as a hole.
 */
bool ring_read(struct ring_reader *reader, struct ring_record *record,
	       bool skip);

/* The slot after the last that is reserved, as far as that can be believed. */
uint64_t ring_end(const struct ring_reader *reader);

/* Records that found no room, so far. */
uint64_t ring_lost(const struct ring_reader *reader);

#endif
