#include "shim/ends.h"

#include <stddef.h>
#include <sys/mman.h>

#include "kernel/raw.h"
#include "shim/process.h"

/* A cookie has WAYS places to be in; of those the oldest is given up. */
enum { SET_BITS = 14, SET_COUNT = 1 << SET_BITS, WAYS = 4 };

/* A place that is being written. No cookie is so high. */
#define BUSY UINT64_MAX

struct place {
	_Atomic uint64_t cookie; /* 0: free */
	uint32_t born;
	uint32_t closed_by;
	uint32_t age; /* of `ages`, when it was written */
	uint8_t role;
};

_Static_assert(sizeof(struct place) == 24, "24 bytes an end, as ends.h says");

static struct place *_Atomic places;
static _Atomic uint32_t ages;

static struct place *get_places(void)
{
	long size = (long)SET_COUNT * WAYS * (long)sizeof(struct place);
	struct place *memory = atomic_load(&places);
	struct place *none = NULL;
	long at;

	if (memory || process_sandboxed())
		return memory;
	at = raw_call6(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at < 0 && at > -4096)
		return NULL;
	if (atomic_compare_exchange_strong(&places, &none, (struct place *)at))
		return (struct place *)at;
	raw_call3(SYS_munmap, at, size, 0);
	return none;
}

void ends_reserve(void)
{
	get_places();
}

static struct place *set_of(struct place *memory, uint64_t cookie)
{
	uint64_t set = cookie * 0x9e3779b97f4a7c15 >> (64 - SET_BITS);

	return &memory[set * WAYS];
}

/* The place of the same cookie, a free one, or the oldest. */
static struct place *choose(struct place *set, uint64_t cookie)
{
	uint32_t now = atomic_load(&ages);
	struct place *oldest = &set[0];

	for (int i = 0; i < WAYS; i++) {
		uint64_t found = atomic_load(&set[i].cookie);

		if (found == 0 || found == cookie)
			return &set[i];
		if (now - set[i].age > now - oldest->age)
			oldest = &set[i];
	}
	return oldest;
}

void ends_add(const struct sock *sock)
{
	struct place *memory = sock->cookie ? get_places() : NULL;
	struct place *place;
	uint64_t old;

	if (!memory)
		return;
	place = choose(set_of(memory, sock->cookie), sock->cookie);
	old = atomic_load(&place->cookie);
	if (old == BUSY ||
	    !atomic_compare_exchange_strong(&place->cookie, &old, BUSY))
		return;
	place->born = sock->born;
	place->closed_by = sock->closed_by;
	place->role = sock->role;
	place->age = atomic_fetch_add(&ages, 1);
	atomic_store(&place->cookie, sock->cookie);
}

bool ends_find(uint64_t cookie, struct end *end)
{
	struct place *memory = atomic_load(&places);
	const struct place *set;

	if (!memory || cookie == 0)
		return false;
	set = set_of(memory, cookie);
	for (int i = 0; i < WAYS; i++) {
		if (atomic_load(&set[i].cookie) != cookie)
			continue;
		*end = (struct end){ .born = set[i].born,
				     .closed_by = set[i].closed_by,
				     .role = (enum role)set[i].role };
		return atomic_load(&set[i].cookie) == cookie;
	}
	return false;
}
