#include "ring/append.h"

#include <string.h>

/* Read once, and held against the size, which nobody can change. */
uint32_t ring_slots(const struct ring *ring, size_t size, uint64_t run)
{
	uint32_t slots = *(const volatile uint32_t *)&ring->slot_count;
	bool fits = ring->magic == RING_MAGIC &&
		    ring->version == RING_VERSION &&
		    ring->tables == RING_TABLES && ring->run == run &&
		    (slots & (slots - 1)) == 0 &&
		    size == RING_SLOTS_AT + slots * sizeof(struct ring_slot);

	return fits ? slots : 0;
}

static struct ring_slot *slot_at(struct ring *ring, uint32_t count,
				 uint64_t number)
{
	struct ring_slot *slots =
		(struct ring_slot *)((char *)ring + RING_SLOTS_AT);

	return &slots[number & (count - 1)];
}

/* The first of count slots in a row; false when there is no room. */
static bool reserve(struct ring *ring, uint32_t slots, unsigned int count,
		    uint64_t *first)
{
	uint64_t number = atomic_load(&ring->reserved);

	/*
	 * Signed: what was freed after the first look may be ahead of it. The
	 * exchange fails then.
	 */
	do {
		if ((int64_t)(number + count - atomic_load(&ring->freed)) >
		    (int64_t)slots) {
			atomic_fetch_add(&ring->lost, 1);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&ring->reserved, &number,
					       number + count));
	*first = number;
	return true;
}

/* The next bytes of the record, from as many parts as it takes. */
static void fill(unsigned char *payload, const struct ring_part *parts,
		 unsigned int count, unsigned int *part, size_t *used)
{
	size_t filled = 0;

	while (filled < RING_PAYLOAD && *part < count) {
		size_t left = parts[*part].size - *used;
		size_t size = RING_PAYLOAD - filled;

		if (size > left)
			size = left;
		memcpy(payload + filled,
		       (const char *)parts[*part].bytes + *used, size);
		filled += size;
		*used += size;
		if (*used == parts[*part].size) {
			*used = 0;
			++*part;
		}
	}
	memset(payload + filled, 0, RING_PAYLOAD - filled);
}

static unsigned int slots_for(size_t size)
{
	return (unsigned int)((size + RING_PAYLOAD - 1) / RING_PAYLOAD);
}

/* The first slot last: whoever sees it sees all of the record. */
static void publish(struct ring *ring, uint32_t slots, uint64_t first,
		    enum ring_kind kind, unsigned int count)
{
	for (unsigned int i = count; i-- > 0;)
		atomic_store_explicit(&slot_at(ring, slots, first + i)->word,
				      ring_word(first + i, kind, i, count),
				      memory_order_release);
}

void ring_prepare(struct ring *ring, uint32_t slots)
{
	uint64_t next =
		atomic_load_explicit(&ring->reserved, memory_order_relaxed);

	for (unsigned int i = 0; i < 4; i++)
		__builtin_prefetch(slot_at(ring, slots, next + i), 1);
}

bool ring_append_two(struct ring *ring, uint32_t slots, enum ring_kind kind,
		     const void *record)
{
	const char *bytes = record;
	uint64_t first;

	if (!reserve(ring, slots, 2, &first))
		return false;
	memcpy(slot_at(ring, slots, first)->payload, bytes, RING_PAYLOAD);
	memcpy(slot_at(ring, slots, first + 1)->payload, bytes + RING_PAYLOAD,
	       RING_PAYLOAD);
	publish(ring, slots, first, kind, 2);
	return true;
}

bool ring_append(struct ring *ring, uint32_t slots, enum ring_kind kind,
		 const struct ring_part *parts, unsigned int count)
{
	unsigned int part = 0;
	size_t used = 0;
	size_t size = 0;
	unsigned int needed;
	uint64_t first;

	for (unsigned int i = 0; i < count; i++)
		size += parts[i].size;
	if (size > RING_RECORD_BYTES)
		size = RING_RECORD_BYTES;
	needed = slots_for(size);
	if (!reserve(ring, slots, needed, &first))
		return false;
	for (unsigned int i = 0; i < needed; i++)
		fill(slot_at(ring, slots, first + i)->payload, parts, count,
		     &part, &used);
	publish(ring, slots, first, kind, needed);
	return true;
}
