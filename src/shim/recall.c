#include "shim/recall.h"

#include <stdatomic.h>
#include <stddef.h>

#include "shim/own_stack.h"

enum {
	SETS = 512,
	WAYS = 4,
	FRAMES = 4096, /* that lead to the stacks they are in, a power of two */
	INDEX_BITS = 8,
	POOL_WORDS = 1 << 17, /* 1 MiB, touched as used */
};

/* A stack in the pool. */
struct recalled {
	const void *place;
	size_t above; /* bytes of stack above base */
	uint32_t id;
	uint16_t count;
	bool ended;
	struct {
		uintptr_t frame;
		size_t distance; /* from base, in bytes */
	} at[];
};

static uint64_t pool[POOL_WORDS];
static _Atomic uint32_t pool_used = 1;

/* Where in the pool, 0: free. Filled once, never replaced. */
static _Atomic uint32_t table[SETS][WAYS];

/* The newest with that frame: where in the pool, then its number there. */
static _Atomic uint32_t by_frame[FRAMES];

_Static_assert(RECALL_FRAMES_MAX <= 1 << INDEX_BITS &&
		       POOL_WORDS <= 1 << (32 - INDEX_BITS),
	       "they share a word");

static const struct recalled *at_offset(uint32_t offset)
{
	return (const struct recalled *)&pool[offset];
}

static uint32_t hash_of(uintptr_t address, size_t above)
{
	return (uint32_t)((address + (above << 20)) * 0x9e3779b97f4a7c15 >> 32);
}

/* An interpreter makes all its calls at one place, from stacks of any height. */
static _Atomic uint32_t *set_of(const void *place, size_t above)
{
	return table[hash_of((uintptr_t)place, above) % SETS];
}

static _Atomic uint32_t *frame_slot(uintptr_t frame, size_t above)
{
	return &by_frame[hash_of(frame, above) % FRAMES];
}

/*
 * From that frame on. Only where the stack is as high as the known one: its
 * words can be read.
 */
static bool matches(const struct recalled *known, const char *base,
		    unsigned int from)
{
	for (unsigned int i = from; i < known->count; i++) {
		const uintptr_t *slot =
			(const uintptr_t *)(base + known->at[i].distance);

		if (*slot != known->at[i].frame)
			return false;
	}
	return true;
}

uint32_t recall_find(const void *place, const void *base)
{
	size_t above = own_stack_above(base);
	const _Atomic uint32_t *set = set_of(place, above);

	for (int i = 0; i < WAYS && above > 0; i++) {
		uint32_t offset =
			atomic_load_explicit(&set[i], memory_order_acquire);
		const struct recalled *known = at_offset(offset);

		if (offset == 0)
			return 0;
		if (known->place == place && known->above == above &&
		    matches(known, base, 0))
			return known->id;
	}
	return 0;
}

bool recall_rest(struct recall_trace *trace, unsigned int end)
{
	unsigned int last = trace->count - 1;
	const char *slot = (const char *)trace->slots[last];
	size_t above = own_stack_above(slot);
	uint32_t found = atomic_load_explicit(
		frame_slot(trace->frames[last], above), memory_order_acquire);
	unsigned int index = found & ((1 << INDEX_BITS) - 1);
	const struct recalled *known = at_offset(found >> INDEX_BITS);
	const char *base;

	if (above == 0 || found == 0 ||
	    known->at[index].frame != trace->frames[last] ||
	    known->above - known->at[index].distance != above)
		return false;
	if (!known->ended && last + known->count - index < end)
		return false;
	base = slot - known->at[index].distance;
	if (!matches(known, base, index))
		return false;
	while (++index < known->count && trace->count < end) {
		trace->slots[trace->count] =
			(const uintptr_t *)(base + known->at[index].distance);
		trace->frames[trace->count++] = known->at[index].frame;
	}
	trace->ended = known->ended && index == known->count;
	return true;
}

/* Can the trace be recognised again? */
static bool is_fit(const char *base, size_t above,
		   const struct recall_trace *trace)
{
	const char *before = base;

	for (unsigned int i = 0; i < trace->count; i++) {
		const char *slot = (const char *)trace->slots[i];

		if (slot < before ||
		    (size_t)(slot - base) + sizeof(uintptr_t) > above ||
		    *trace->slots[i] != trace->frames[i])
			return false;
		before = slot;
	}
	return trace->count > 0 && !trace->interrupted;
}

/* Room in the pool, 0: none is left. */
static uint32_t take(unsigned int count)
{
	size_t size = sizeof(struct recalled) +
		      count * sizeof(((struct recalled *)NULL)->at[0]);
	uint32_t words = (uint32_t)(size / sizeof(uint64_t));
	uint32_t offset = atomic_load(&pool_used);

	do {
		if (offset + words > POOL_WORDS)
			return 0;
	} while (!atomic_compare_exchange_weak(&pool_used, &offset,
					       offset + words));
	return offset;
}

static uint32_t fill(const void *place, const char *base, size_t above,
		     const struct recall_trace *trace, uint32_t id)
{
	uint32_t offset = take(trace->count);
	struct recalled *entry = (struct recalled *)&pool[offset];

	if (offset == 0)
		return 0;
	entry->place = place;
	entry->above = above;
	entry->id = id;
	entry->count = (uint16_t)trace->count;
	entry->ended = trace->ended;
	for (unsigned int i = 0; i < trace->count; i++) {
		entry->at[i].frame = trace->frames[i];
		entry->at[i].distance =
			(size_t)((const char *)trace->slots[i] - base);
	}
	return offset;
}

static void put_frames(uint32_t offset)
{
	const struct recalled *entry = at_offset(offset);

	for (unsigned int i = 0; i < entry->count; i++)
		atomic_store_explicit(
			frame_slot(entry->at[i].frame,
				   entry->above - entry->at[i].distance),
			offset << INDEX_BITS | i, memory_order_release);
}

void recall_put(const void *place, const void *base,
		const struct recall_trace *trace, uint32_t id)
{
	size_t above = own_stack_above(base);
	_Atomic uint32_t *set = set_of(place, above);
	uint32_t offset = 0;

	for (int i = 0; i < WAYS; i++) {
		uint32_t free = 0;

		if (atomic_load_explicit(&set[i], memory_order_relaxed) != 0)
			continue;
		if (offset == 0 && is_fit(base, above, trace))
			offset = fill(place, base, above, trace, id);
		if (offset == 0)
			return;
		if (atomic_compare_exchange_strong(&set[i], &free, offset)) {
			put_frames(offset);
			return;
		}
	}
}
