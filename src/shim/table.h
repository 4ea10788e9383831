/*
 * The descriptor table: number -> reference to a socket's record.
 *
 * Owns: the entries. Called by: every wrapper; table_find is the one load that
 * a call on the data path pays. Lock-free, async-signal-safe. Zeroed memory is
 * an empty table, so calls before the constructor are fine. Numbers up to
 * 65535 are in static memory, higher ones in chunks that are mapped when such
 * a number is first a TCP socket; eight bytes a number.
 */
#ifndef SHIM_TABLE_H
#define SHIM_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TABLE_CHUNK = 65536 };

extern _Atomic uint64_t table_low[TABLE_CHUNK];

/* For numbers from TABLE_CHUNK on. */
uint64_t table_find_high(int fd);

/*
 * An entry with this bit is a grave: the number of a socket that was closed,
 * and that nobody is known to have been given since.
 */
#define TABLE_GRAVE 1ULL

/* The entry of a number as it is: 0, a reference, or a grave. */
static inline uint64_t table_entry(int fd)
{
	if (__builtin_expect((unsigned int)fd < TABLE_CHUNK, 1))
		return atomic_load_explicit(&table_low[fd],
					    memory_order_acquire);
	return table_find_high(fd);
}

/* The reference behind a number, 0 when it is no socket that is followed. */
static inline uint64_t table_find(int fd)
{
	uint64_t entry = table_entry(fd);

	return entry & TABLE_GRAVE ? 0 : entry;
}

/*
 * Makes fd lead to ref. Returns what was there before (a number that was closed
 * unseen) or 0. When there is no memory the entry stays empty, *done is false.
 */
uint64_t table_put(int fd, uint64_t ref, bool *done);

/* Empties the entry if it still holds ref. */
bool table_remove(int fd, uint64_t ref);

/* Leaves a grave in the entry if it is empty. */
void table_bury(int fd, uint64_t ref);

/* The highest number that ever was tracked, -1: none. */
int table_highest(void);

#endif
