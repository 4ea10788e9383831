/*
 * The input is the ring: its header's numbers, then slots as they stand. The
 * reader takes out what it believes, to the last hole; decode makes of it what
 * it can.
 */
#include <stdlib.h>
#include <string.h>

#include "command/decode.h"
#include "fuzz/fuzz.h"
#include "fuzz/shown.h"

enum { SLOTS = 64, HEADER = 8 };

static _Alignas(
	4096) char mapping[RING_SLOTS_AT + SLOTS * sizeof(struct ring_slot)];

/* Slots with a zero where their number belongs get the right one. */
static void number_slots(struct ring_slot *slots)
{
	for (uint64_t i = 0; i < SLOTS; i++) {
		uint64_t word = atomic_load(&slots[i].word);

		if (word >> 24 == 0)
			atomic_store(&slots[i].word, word | (i + 1) << 24);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct ring_record record;
	static struct shown shown;
	struct ring *ring = (struct ring *)mapping;
	struct ring_reader reader = { .ring = ring,
				      .slot_count = SLOTS,
				      .size = sizeof(mapping) };
	struct decoder decoder;
	uint64_t reserved;

	if (size < HEADER || size - HEADER > sizeof(mapping) - RING_SLOTS_AT)
		return 0;
	memset(mapping, 0, sizeof(mapping));
	memcpy(&reserved, bytes, HEADER);
	atomic_store(&ring->reserved, reserved);
	memcpy(mapping + RING_SLOTS_AT, bytes + HEADER, size - HEADER);
	number_slots((struct ring_slot *)(mapping + RING_SLOTS_AT));
	shown_begin(&shown);
	decoder_begin(&decoder, shown.session);
	while (ring_read(&reader, &record, true))
		decode(&decoder, &record);
	if (reader.next > SLOTS)
		abort();
	shown.session->holes = reader.holes;
	decoder_end(&decoder);
	shown_end(&shown);
	return 0;
}
