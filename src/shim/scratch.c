#include "shim/scratch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/raw.h"
#include "shim/blind.h"

enum { SCRATCH_COUNT = 8 };

static struct scratch pool[SCRATCH_COUNT];
static _Atomic bool taken[SCRATCH_COUNT];

struct scratch *scratch_take(void)
{
	uint64_t mask = raw_block_signals();

	for (int i = 0; i < SCRATCH_COUNT; i++) {
		struct scratch *scratch = &pool[i];

		if (atomic_exchange(&taken[i], true))
			continue;
		scratch->mask = mask;
		text_begin(&scratch->message, scratch->message_space,
			   sizeof(scratch->message_space));
		text_begin(&scratch->details, scratch->details_space,
			   sizeof(scratch->details_space));
		text_begin(&scratch->help, scratch->help_space,
			   sizeof(scratch->help_space));
		return scratch;
	}
	raw_restore_signals(mask);
	blind_count(BLIND_BUSY);
	return NULL;
}

void scratch_give(struct scratch *scratch)
{
	uint64_t mask = scratch->mask;

	atomic_store(&taken[scratch - pool], false);
	raw_restore_signals(mask);
}

void scratch_reset(void)
{
	for (int i = 0; i < SCRATCH_COUNT; i++)
		atomic_store(&taken[i], false);
}
