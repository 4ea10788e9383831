#include "shim/names.h"

#include <stdatomic.h>
#include <string.h>

enum {
	SET_BITS = 9,
	SET_COUNT = 1 << SET_BITS,
	WAYS = 8,
	WORDS = SUBJECT_NAME_SIZE / sizeof(uint64_t),
};

_Static_assert(SUBJECT_NAME_SIZE % sizeof(uint64_t) == 0, "whole words");

/*
 * version is odd while somebody writes; readers look again whether it is what
 * it was. The name is in words so that reading it meanwhile is no data race.
 */
struct place {
	_Atomic uint64_t cookie; /* 0: free */
	_Atomic uint32_t version;
	_Atomic uint32_t age; /* of `ages`, when it was written */
	_Atomic uint64_t words[WORDS];
};

static struct place places[SET_COUNT * WAYS];
static _Atomic uint32_t ages; /* 0: nothing was ever named */

static struct place *set_of(uint64_t cookie)
{
	uint64_t set = cookie * 0x9e3779b97f4a7c15 >> (64 - SET_BITS);

	return &places[set * WAYS];
}

static struct place *find(uint64_t cookie)
{
	struct place *set = set_of(cookie);

	for (int i = 0; i < WAYS; i++) {
		if (atomic_load(&set[i].cookie) == cookie)
			return &set[i];
	}
	return NULL;
}

/* How much a place can be done without; a free one most. */
static uint32_t spare(const struct place *place)
{
	if (atomic_load(&place->cookie) == 0)
		return UINT32_MAX;
	return atomic_load(&ages) - atomic_load(&place->age);
}

/* A free place, else the oldest. */
static struct place *choose(uint64_t cookie)
{
	struct place *set = set_of(cookie);
	struct place *chosen = &set[0];

	for (int i = 1; i < WAYS; i++) {
		if (atomic_load(&chosen->version) & 1 ||
		    spare(&set[i]) > spare(chosen))
			chosen = &set[i];
	}
	return chosen;
}

/* False when somebody else writes there. */
static bool write_place(struct place *place, uint64_t cookie,
			const uint64_t words[static WORDS])
{
	uint32_t version = atomic_load(&place->version);

	if (version & 1 || !atomic_compare_exchange_strong(
				   &place->version, &version, version + 1))
		return false;
	atomic_store(&place->cookie, cookie);
	atomic_store(&place->age, atomic_fetch_add(&ages, 1));
	for (size_t i = 0; i < WORDS; i++)
		atomic_store(&place->words[i], words[i]);
	atomic_store(&place->version, version + 2);
	return true;
}

static char printable(char byte)
{
	bool plain = byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';

	return plain ? byte : '?';
}

bool names_set(uint64_t cookie, const char *name)
{
	enum { TRIES = 2 * WAYS };
	char copy[SUBJECT_NAME_SIZE] = "";
	uint64_t words[WORDS];

	for (int i = 0; name && name[i] && i < SUBJECT_NAME_SIZE - 1; i++)
		copy[i] = printable(name[i]);
	memcpy(words, copy, sizeof(words));
	for (int i = 0; i < TRIES; i++) {
		struct place *place = find(cookie);

		if (!place && !copy[0])
			return false;
		if (!place)
			place = choose(cookie);
		if (write_place(place, copy[0] ? cookie : 0, words))
			return copy[0];
	}
	return false;
}

static bool read_place(struct place *place, uint64_t cookie,
		       char name[static SUBJECT_NAME_SIZE])
{
	uint32_t version = atomic_load(&place->version);
	uint64_t words[WORDS];

	if (version & 1 || atomic_load(&place->cookie) != cookie)
		return false;
	for (size_t i = 0; i < WORDS; i++)
		words[i] = atomic_load(&place->words[i]);
	if (atomic_load(&place->version) != version)
		return false;
	memcpy(name, words, sizeof(words));
	return true;
}

void names_get(uint64_t cookie, char name[static SUBJECT_NAME_SIZE])
{
	struct place *set;

	name[0] = '\0';
	if (atomic_load(&ages) == 0 || cookie == 0)
		return;
	set = set_of(cookie);
	for (int i = 0; i < WAYS; i++) {
		if (read_place(&set[i], cookie, name))
			return;
	}
}
