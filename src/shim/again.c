#include "shim/again.h"

#include <stdatomic.h>
#include <stddef.h>

enum { ROOM = 1024 };

struct again {
	_Atomic uint64_t key; /* rule 8 bits, address 32, stack 24; 0: free */
	_Atomic uint32_t count;
	_Atomic uint32_t fate;
};

/* Open addressing, never shrinks. */
static struct again table[ROOM];
static _Atomic uint32_t elsewhere[RULE_COUNT];
static _Atomic bool any; /* something has come again */

/* 0: none. That two addresses have the same number is unlikely. */
static uint32_t number_address(const struct address *address)
{
	const unsigned char *bytes = (const unsigned char *)address;
	uint32_t hash = 0x811c9dc5;

	if (!address)
		return 0;
	for (size_t i = 0; i < sizeof(*address); i++)
		hash = (hash ^ bytes[i]) * 0x01000193;
	return hash | 1;
}

static uint64_t key_of(enum rule rule, uint32_t stack,
		       const struct address *address)
{
	return stack | (uint64_t)number_address(address) << 24 |
	       (uint64_t)(rule + 1) << 56;
}

/* Where a key is first looked for. */
static size_t start_of(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15 >> 40;
}

struct again *again_find(enum rule rule, uint32_t stack,
			 const struct address *address, bool *first)
{
	uint64_t key = key_of(rule, stack, address);

	for (unsigned int i = 0; i < ROOM; i++) {
		struct again *again = &table[(start_of(key) + i) % ROOM];
		uint64_t found = 0;

		*first = atomic_compare_exchange_strong(&again->key, &found,
							key);
		if (*first || found == key)
			return again;
	}
	*first = false;
	return NULL;
}

bool again_has(enum rule rule, uint32_t stack, const struct address *address)
{
	uint64_t key = key_of(rule, stack, address);
	uint64_t found = key;

	for (unsigned int i = 0; i < ROOM && found != 0; i++) {
		found = atomic_load(&table[(start_of(key) + i) % ROOM].key);
		if (found == key)
			return true;
	}
	return false;
}

static uint32_t about_of(uint64_t key)
{
	return (uint32_t)(key >> 24);
}

uint32_t again_about(const struct again *again)
{
	return again ? about_of(atomic_load(&again->key)) : 0;
}

void again_settle(struct again *again, enum again_fate fate)
{
	if (again)
		atomic_store(&again->fate, fate);
}

bool again_add(struct again *again, enum rule rule)
{
	enum again_fate fate = again ? atomic_load(&again->fate) : AGAIN_UNTOLD;

	if (fate == AGAIN_MUTED)
		return false;
	atomic_fetch_add(
		fate == AGAIN_UNTOLD ? &elsewhere[rule] : &again->count, 1);
	atomic_store(&any, true);
	return fate != AGAIN_SUPPRESSED;
}

void again_tell(void (*tell)(enum again_fate fate, enum rule rule,
			     uint32_t stack, uint32_t about, uint32_t count))
{
	if (!atomic_load(&any))
		return;
	for (int i = 0; i < ROOM; i++) {
		uint32_t count = atomic_exchange(&table[i].count, 0);
		enum again_fate fate = atomic_load(&table[i].fate);
		uint64_t key = atomic_load(&table[i].key);
		enum rule rule = (enum rule)((key >> 56) - 1);

		if (count == 0 || fate == AGAIN_MUTED)
			continue;
		/* Some may have come before the fate of the first was known. */
		if (fate == AGAIN_UNTOLD)
			atomic_fetch_add(&elsewhere[rule], count);
		else
			tell(fate, rule, key & 0xffffff, about_of(key), count);
	}
	for (int i = 0; i < RULE_COUNT; i++) {
		uint32_t count = atomic_exchange(&elsewhere[i], 0);

		if (count > 0)
			tell(AGAIN_UNTOLD, (enum rule)i, 0, 0, count);
	}
}

void again_forget(void)
{
	if (!atomic_load(&any))
		return;
	for (int i = 0; i < ROOM; i++)
		atomic_store(&table[i].count, 0);
	for (int i = 0; i < RULE_COUNT; i++)
		atomic_store(&elsewhere[i], 0);
}
