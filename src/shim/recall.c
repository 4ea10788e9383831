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
		uint16_t distance; /* from base, in words */
		uint16_t pointer;  /* likewise; 0: the size is fixed */
		uint16_t saved;    /* where one of its callees keeps that */
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

/* What callees further in have saved: the pointer is there as it was. */
static uintptr_t pointer_of(const struct recalled *known, const uintptr_t *base,
			    unsigned int i, unsigned int from,
			    uintptr_t pointer)
{
	return known->at[i].saved < known->at[from].distance
		       ? pointer
		       : base[known->at[i].saved];
}

/*
 * From that frame on, whose frame pointer is given. Only where the stack is as
 * high as the known one: its words can be read.
 */
static bool matches(const struct recalled *known, const uintptr_t *base,
		    unsigned int from, uintptr_t pointer)
{
	for (unsigned int i = from; i < known->count; i++) {
		if (base[known->at[i].distance] != known->at[i].frame)
			return false;
		if (known->at[i].pointer != 0 &&
		    pointer_of(known, base, i, from, pointer) !=
			    (uintptr_t)(base + known->at[i].pointer))
			return false;
	}
	return true;
}

/* Bytes of stack above a frame of a stack with so many above base. */
static size_t above_frame(const struct recalled *known, unsigned int i)
{
	return known->above - known->at[i].distance * sizeof(uintptr_t);
}

uint32_t recall_find(const void *place, const void *base)
{
	const uintptr_t *words = base;
	size_t above = own_stack_above(base);
	const _Atomic uint32_t *set = set_of(place, above);

	for (int i = 0; i < WAYS && above > 0; i++) {
		uint32_t offset =
			atomic_load_explicit(&set[i], memory_order_acquire);
		const struct recalled *known = at_offset(offset);

		if (offset == 0)
			return 0;
		if (known->place == place && known->above == above &&
		    matches(known, words, 0, words[0]))
			return known->id;
	}
	return 0;
}

static uint16_t words_above(const uintptr_t *base, uintptr_t address)
{
	uintptr_t words = (address - (uintptr_t)base) / sizeof(*base);

	return words < RECALL_FAR ? (uint16_t)words : RECALL_FAR;
}

void recall_add(struct recall_trace *trace, uintptr_t frame,
		const uintptr_t *slot, uintptr_t pointer,
		const uintptr_t *saved)
{
	unsigned int i = trace->count++;

	trace->frames[i] = frame;
	trace->slots[i] = words_above(trace->base, (uintptr_t)slot);
	trace->pointers[i] = words_above(trace->base, pointer);
	trace->saved[i] = words_above(trace->base, (uintptr_t)saved);
	trace->slot = slot;
	trace->pointer = pointer;
}

bool recall_rest(struct recall_trace *trace, unsigned int end)
{
	unsigned int last = trace->count - 1;
	size_t above = own_stack_above(trace->slot);
	uint32_t found = atomic_load_explicit(
		frame_slot(trace->frames[last], above), memory_order_acquire);
	unsigned int index = found & ((1 << INDEX_BITS) - 1);
	const struct recalled *known = at_offset(found >> INDEX_BITS);
	const uintptr_t *base;
	uint16_t distance;

	if (above == 0 || found == 0 ||
	    known->at[index].frame != trace->frames[last] ||
	    above_frame(known, index) != above)
		return false;
	if (!known->ended && last + known->count - index < end)
		return false;
	distance = known->at[index].distance;
	base = trace->slot - distance;
	if (!matches(known, base, index, trace->pointer))
		return false;
	while (++index < known->count && trace->count < end) {
		recall_add(trace, known->at[index].frame,
			   base + known->at[index].distance,
			   (uintptr_t)(base + known->at[index].pointer),
			   base + known->at[index].saved);
		if (known->at[index].saved < distance)
			trace->saved[trace->count - 1] = trace->saved[last];
	}
	trace->ended = known->ended && index == known->count;
	return true;
}

/*
 * A frame pointer leads into its own frame. Then that may have another size the
 * next time, and the return address that ends it will lie elsewhere.
 */
static bool has_pointer(const struct recall_trace *trace, unsigned int i)
{
	return i + 1 < trace->count && trace->pointers[i] > trace->slots[i] &&
	       trace->pointers[i] < trace->slots[i + 1];
}

/* Where one of its callees has saved it; 0: none has. RECALL_FAR: not known. */
static uint16_t find_saved(const struct recall_trace *trace, unsigned int i)
{
	const uintptr_t *base = trace->base;
	uint16_t saved = trace->saved[i];

	if (saved > trace->slots[0] && saved < trace->slots[i])
		return base[saved] == (uintptr_t)(base + trace->pointers[i])
			       ? saved
			       : RECALL_FAR;
	return trace->pointers[i] == trace->pointers[0] ? 0 : RECALL_FAR;
}

/* Can the trace be recognised again? */
static bool is_fit(const struct recall_trace *trace, size_t above)
{
	uint16_t before = 0;

	if (trace->count == 0 || trace->interrupted)
		return false;
	for (unsigned int i = 0; i < trace->count; i++) {
		uint16_t slot = trace->slots[i];

		if (slot < before || slot == RECALL_FAR ||
		    (slot + 1) * sizeof(uintptr_t) > above ||
		    trace->base[slot] != trace->frames[i])
			return false;
		before = slot;
	}
	for (unsigned int i = 0; i < trace->count; i++) {
		if (has_pointer(trace, i) && find_saved(trace, i) == RECALL_FAR)
			return false;
	}
	return true;
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

static uint32_t fill(const void *place, const struct recall_trace *trace,
		     size_t above, uint32_t id)
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
		entry->at[i].distance = trace->slots[i];
		if (!has_pointer(trace, i))
			continue;
		entry->at[i].pointer = trace->pointers[i];
		entry->at[i].saved = find_saved(trace, i);
	}
	return offset;
}

static void put_frames(uint32_t offset)
{
	const struct recalled *entry = at_offset(offset);

	for (unsigned int i = 0; i < entry->count; i++)
		atomic_store_explicit(
			frame_slot(entry->at[i].frame, above_frame(entry, i)),
			offset << INDEX_BITS | i, memory_order_release);
}

void recall_put(const void *place, const struct recall_trace *trace,
		uint32_t id)
{
	size_t above = own_stack_above(trace->base);
	_Atomic uint32_t *set = set_of(place, above);
	uint32_t offset = 0;

	for (int i = 0; i < WAYS; i++) {
		uint32_t free = 0;

		if (atomic_load_explicit(&set[i], memory_order_relaxed) != 0)
			continue;
		if (offset == 0 && is_fit(trace, above))
			offset = fill(place, trace, above, id);
		if (offset == 0)
			return;
		if (atomic_compare_exchange_strong(&set[i], &free, offset)) {
			put_frames(offset);
			return;
		}
	}
}
