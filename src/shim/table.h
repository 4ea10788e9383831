/*
 * The descriptor table: number -> reference to a socket's record.
 *
 * Owns: the entries. Called by: every wrapper; table_entry is what a call on
 * the data path pays, so it is inline, makes no call, and takes the fewest
 * instructions (tests/bench counts them). Lock-free, async-signal-safe. Zeroed
 * memory is an empty table, so calls before the constructor are fine. Numbers
 * up to 65535 are in static memory, higher ones in chunks that are mapped when
 * such a number is first a TCP socket; eight bytes a number.
 */
#ifndef SHIM_TABLE_H
#define SHIM_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A chunk for each value of the upper half of a number: no range to check. */
enum { TABLE_CHUNK = 65536, TABLE_CHUNKS = 65536 };

/* Hidden: else each access would go through the global offset table. */
#pragma GCC visibility push(hidden)
extern _Atomic uint64_t table_low[TABLE_CHUNK];
extern _Atomic uint64_t *_Atomic table_chunks[TABLE_CHUNKS];
#pragma GCC visibility pop

/*
 * What an entry holds: 0, no socket that is followed; a reference (sock.h),
 * which is positive as a signed number; or, with the top bit set, a grave: the
 * reference of a socket that was closed, and whose number nobody is known to
 * have been given since.
 */
#define TABLE_GRAVE (1ULL << 63)

/*
 * A grave that nobody lies in yet: the number is being closed at this moment.
 * The kernel may still lead it to the old socket, but nobody is to follow that
 * there; the reference is for a close that fails. Records are aligned, so the
 * lowest bit of an address is free.
 */
#define TABLE_CLOSING (TABLE_GRAVE | 1ULL << 16)

static inline bool table_is_closing(uint64_t entry)
{
	return (entry & TABLE_CLOSING) == TABLE_CLOSING;
}

static inline uint64_t table_entry(int fd)
{
	unsigned int number = (unsigned int)fd;
	_Atomic uint64_t *chunk;

	if (__builtin_expect(number < TABLE_CHUNK, 1))
		return atomic_load_explicit(&table_low[number],
					    memory_order_acquire);
	chunk = atomic_load_explicit(&table_chunks[number / TABLE_CHUNK],
				     memory_order_acquire);
	if (!chunk)
		return 0;
	return atomic_load_explicit(&chunk[number % TABLE_CHUNK],
				    memory_order_acquire);
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

/*
 * The same for a number that nobody is known to have been given: only into an
 * empty entry. False when it is not empty (any more).
 */
bool table_offer(int fd, uint64_t ref, bool *done);

/* Puts `to` in place of `from`. False when the entry holds something else. */
bool table_swap(int fd, uint64_t from, uint64_t to);

/* Empties the entry if it still holds ref. */
bool table_remove(int fd, uint64_t ref);

/* Empties the entry of a number that was being closed. */
void table_vacate(int fd);

/* Leaves a grave in the entry if it is empty. */
void table_bury(int fd, uint64_t ref);

/*
 * References that a thread has taken out of the table and may have to put back:
 * whoever looks for a socket's record finds them here. No room for more than
 * TABLE_HANDS at a time; what a hand does not hold is not found.
 */
enum { TABLE_HANDS = 8 };

/* An empty hand; NULL: all are in use. */
_Atomic uint64_t *table_take_hand(void);
void table_hold_in(_Atomic uint64_t *hand, uint64_t ref);
void table_drop_hand(_Atomic uint64_t *hand);

/* What the hand holds, 0: nothing. */
uint64_t table_in_hand(int hand);

/* The highest number that ever was tracked, -1: none. */
int table_highest(void);

#endif
