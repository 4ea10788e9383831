#include "shim/table.h"

#include <stddef.h>
#include <sys/mman.h>

#include "kernel/raw.h"
#include "shim/process.h"

_Atomic uint64_t table_low[TABLE_CHUNK];
_Atomic uint64_t *_Atomic table_chunks[TABLE_CHUNKS];
static _Atomic int highest = -1;

static _Atomic uint64_t *entry_of(int fd)
{
	unsigned int number = (unsigned int)fd;
	_Atomic uint64_t *chunk;

	if (number < TABLE_CHUNK)
		return &table_low[number];
	chunk = atomic_load_explicit(&table_chunks[number / TABLE_CHUNK],
				     memory_order_acquire);
	return chunk ? &chunk[number % TABLE_CHUNK] : NULL;
}

static void map_chunk(int fd)
{
	unsigned int number = (unsigned int)fd;
	_Atomic uint64_t *expected = NULL;
	long size = TABLE_CHUNK * sizeof(uint64_t);
	long at;

	if (fd < 0 || process_sandboxed())
		return;
	at = raw_call6(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at < 0 && at > -4096)
		return;
	if (!atomic_compare_exchange_strong(&table_chunks[number / TABLE_CHUNK],
					    &expected, (_Atomic uint64_t *)at))
		raw_call3(SYS_munmap, at, size, 0);
}

/* The entry of a number that is to be tracked; NULL when there is no memory. */
static _Atomic uint64_t *make_entry(int fd)
{
	_Atomic uint64_t *entry = entry_of(fd);
	int seen = atomic_load(&highest);

	if (!entry) {
		map_chunk(fd);
		entry = entry_of(fd);
	}
	while (entry && fd > seen &&
	       !atomic_compare_exchange_weak(&highest, &seen, fd))
		;
	return entry;
}

uint64_t table_put(int fd, uint64_t ref, bool *done)
{
	_Atomic uint64_t *entry = make_entry(fd);
	uint64_t old;

	*done = entry != NULL;
	if (!entry)
		return 0;
	old = atomic_exchange(entry, ref);
	return old & TABLE_GRAVE ? 0 : old;
}

bool table_offer(int fd, uint64_t ref, bool *done)
{
	_Atomic uint64_t *entry = make_entry(fd);
	uint64_t empty = 0;

	*done = entry != NULL;
	return entry && atomic_compare_exchange_strong(entry, &empty, ref);
}

bool table_swap(int fd, uint64_t from, uint64_t to)
{
	_Atomic uint64_t *entry = entry_of(fd);

	return entry && atomic_compare_exchange_strong(entry, &from, to);
}

bool table_remove(int fd, uint64_t ref)
{
	return table_swap(fd, ref, 0);
}

void table_vacate(int fd)
{
	uint64_t entry = table_entry(fd);

	if (table_is_closing(entry))
		table_swap(fd, entry, 0);
}

void table_bury(int fd, uint64_t ref)
{
	_Atomic uint64_t *entry = entry_of(fd);
	uint64_t empty = 0;

	if (entry)
		atomic_compare_exchange_strong(entry, &empty,
					       ref | TABLE_GRAVE);
}

/* 0: free; TABLE_GRAVE: taken, and empty. */
static _Atomic uint64_t hands[TABLE_HANDS];

_Atomic uint64_t *table_take_hand(void)
{
	for (int i = 0; i < TABLE_HANDS; i++) {
		uint64_t none = 0;

		if (atomic_compare_exchange_strong(&hands[i], &none,
						   TABLE_GRAVE))
			return &hands[i];
	}
	return NULL;
}

void table_hold_in(_Atomic uint64_t *hand, uint64_t ref)
{
	if (hand)
		atomic_store(hand, ref ? ref : TABLE_GRAVE);
}

void table_drop_hand(_Atomic uint64_t *hand)
{
	if (hand)
		atomic_store(hand, 0);
}

uint64_t table_in_hand(int hand)
{
	uint64_t ref = atomic_load(&hands[hand]);

	return ref & TABLE_GRAVE ? 0 : ref;
}

int table_highest(void)
{
	return atomic_load(&highest);
}
