#include "shim/tally.h"

#include <stdatomic.h>

enum { RULE_BITS = 8 };

_Static_assert(RULE_COUNT <= 1 << RULE_BITS, "a rule has RULE_BITS bits");

/* The number of the finding, from 1 on, and its rule below it. */
static _Atomic uint64_t kept[TALLY_KEPT];
static _Atomic uint64_t count;

void tally_add(enum rule rule)
{
	uint64_t number = atomic_load(&count);

	for (;;) {
		_Atomic uint64_t *place = &kept[number % TALLY_KEPT];
		uint64_t old = atomic_load(place);
		uint64_t next = (number + 1) << RULE_BITS | rule;

		/*
		 * The place is taken first: whoever reads the count can read
		 * all places below it. Somebody who has taken it and not yet
		 * counted is helped.
		 */
		if (old >> RULE_BITS <= number &&
		    atomic_compare_exchange_strong(place, &old, next)) {
			atomic_compare_exchange_strong(&count, &number,
						       number + 1);
			return;
		}
		if (atomic_compare_exchange_strong(&count, &number, number + 1))
			number++;
	}
}

uint64_t tally_count(void)
{
	return atomic_load(&count);
}

int tally_since(uint64_t mark, const bool wanted[static RULE_COUNT])
{
	uint64_t end = tally_count();
	int found = 0;

	if (end - mark > TALLY_KEPT && end > mark)
		return -1;
	for (uint64_t number = mark; number < end; number++) {
		uint64_t entry = atomic_load(&kept[number % TALLY_KEPT]);

		if (entry >> RULE_BITS != number + 1)
			return -1;
		found += wanted[entry & ((1 << RULE_BITS) - 1)];
	}
	return found;
}
