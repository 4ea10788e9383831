#include "shim/sock.h"

#include <string.h>
#include <sys/mman.h>

#include "kernel/raw.h"
#include "shim/blind.h"
#include "shim/process.h"

enum {
	SLAB_BYTES = 65536,
	SLAB_SOCKS = SLAB_BYTES / sizeof(struct sock),
	SLAB_MAX = 32768, /* 16 million sockets */
};

#define GENERATION_ONE (1ULL << 48)
#define STEP_ONE (1ULL << 32)
#define STEP_MASK (0xffffULL << 32)

static struct sock *_Atomic slabs[SLAB_MAX];
static _Atomic uint32_t slab_count;

/* Free records: index of the first, and a count against ABA above it. */
static _Atomic uint64_t free_list;

static _Atomic uint64_t ghosts[GHOST_MAX];
static _Atomic uint64_t ghost_next;

struct sock sock_none = { .word = SOCK_LOOK_ON_READ | SOCK_LOOK_ON_WRITE };

static uint64_t make_ref(const struct sock *sock, uint64_t word)
{
	return (uint64_t)(uintptr_t)sock << 16 | sock_generation(word);
}

static struct sock *sock_by_index(uint32_t index)
{
	index--;
	return &atomic_load(&slabs[index / SLAB_SOCKS])[index % SLAB_SOCKS];
}

uint32_t sock_index(uint64_t ref)
{
	/* The first record of a slab holds the slab's number, see below. */
	const struct sock *sock = sock_of(ref);
	uintptr_t slab = (uintptr_t)sock & ~(uintptr_t)(SLAB_BYTES - 1);
	uint32_t number = ((const struct sock *)slab)->next;

	return number * SLAB_SOCKS +
	       (uint32_t)(sock - (const struct sock *)slab) + 1;
}

uint64_t sock_at(uint32_t index)
{
	struct sock *sock;

	if (index == 0)
		return 0;
	sock = sock_by_index(index);
	return make_ref(sock, atomic_load(&sock->word));
}

static void push_free(uint32_t index)
{
	uint64_t head = atomic_load(&free_list);
	uint64_t next;

	do {
		sock_set(sock_by_index(index), next, (uint32_t)head);
		next = ((head >> 32) + 1) << 32 | index;
	} while (!atomic_compare_exchange_weak(&free_list, &head, next));
}

static uint32_t pop_free(void)
{
	uint64_t head = atomic_load(&free_list);

	while ((uint32_t)head != 0) {
		uint64_t next = ((head >> 32) + 1) << 32 |
				sock_by_index((uint32_t)head)->next;

		if (atomic_compare_exchange_weak(&free_list, &head, next))
			return (uint32_t)head;
	}
	return 0;
}

/* A slab that starts at a multiple of its size, so that sock_index works. */
static struct sock *map_slab(void)
{
	uintptr_t start;
	uintptr_t aligned;
	long at;

	if (process_sandboxed())
		return NULL;
	at = raw_call6(SYS_mmap, 0, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at < 0 && at > -4096)
		return NULL;
	start = (uintptr_t)at;
	aligned = (start + SLAB_BYTES - 1) & ~(uintptr_t)(SLAB_BYTES - 1);
	if (aligned > start)
		raw_call3(SYS_munmap, (long)start, (long)(aligned - start), 0);
	if (aligned < start + SLAB_BYTES)
		raw_call3(SYS_munmap, (long)(aligned + SLAB_BYTES),
			  (long)(start + SLAB_BYTES - aligned), 0);
	return (struct sock *)aligned;
}

/* The first record of a slab is never used: it holds the slab's number. */
static bool add_slab(void)
{
	struct sock *slab = map_slab();
	uint32_t number;

	if (!slab)
		return false;
	number = atomic_fetch_add(&slab_count, 1);
	if (number >= SLAB_MAX) {
		atomic_fetch_sub(&slab_count, 1);
		raw_call3(SYS_munmap, (long)slab, SLAB_BYTES, 0);
		return false;
	}
	slab->next = number;
	atomic_store(&slabs[number], slab);
	for (uint32_t i = SLAB_SOCKS - 1; i > 0; i--)
		push_free(number * SLAB_SOCKS + i + 1);
	return true;
}

void sock_reserve(void)
{
	add_slab();
}

static uint64_t look_flags(enum tcp_state state)
{
	static const uint32_t flags[ST_COUNT] = {
		[ST_UNKNOWN] = SOCK_LOOK_ON_READ | SOCK_LOOK_ON_WRITE,
		[ST_CLOSED] = SOCK_LOOK_ON_READ | SOCK_LOOK_ON_WRITE,
		[ST_SYN_SENT] = SOCK_LOOK_ON_READ | SOCK_LOOK_ON_WRITE,
		[ST_SYN_RCVD] = SOCK_LOOK_ON_READ | SOCK_LOOK_ON_WRITE,
		[ST_FIN_WAIT_1] = SOCK_LOOK_ON_READ,
		[ST_CLOSE_WAIT] = SOCK_LOOK_ON_WRITE,
	};

	return flags[state];
}

uint64_t sock_stepped(uint64_t word, enum tcp_state state)
{
	uint64_t steps = (word + STEP_ONE) & STEP_MASK;
	uint64_t kept = word & ~(STEP_MASK | 0xfULL | SOCK_LOOK_ON_READ |
				 SOCK_LOOK_ON_WRITE);

	return kept | steps | look_flags(state) | state;
}

static __attribute__((noinline)) void clear_ends(struct sock *sock)
{
	memset(&sock->local, 0, sizeof(sock->local));
	memset(&sock->peer, 0, sizeof(sock->peer));
}

/* Relaxed: the word, stored last, makes it known. */
static void clear_record(struct sock *sock, uint64_t cookie)
{
	_Atomic uint32_t *const zeroed[] = {
		&sock->peer_closed_at, &sock->closed_at,    &sock->born,
		&sock->closed_by,      &sock->doomed_write, &sock->quick,
	};
	uint32_t epoch = process_epoch();

	atomic_store_explicit(&sock->cookie, cookie, memory_order_relaxed);
	clear_ends(sock);
	sock_give_credit(sock, 0);
	atomic_store_explicit(&sock->epoch, epoch, memory_order_relaxed);
	atomic_store_explicit(&sock->touched, epoch, memory_order_relaxed);
	atomic_store_explicit(&sock->unread, 0, memory_order_relaxed);
	atomic_store_explicit(&sock->role, ROLE_NONE, memory_order_relaxed);
	for (size_t i = 0; i < sizeof(zeroed) / sizeof(zeroed[0]); i++)
		atomic_store_explicit(zeroed[i], 0, memory_order_relaxed);
}

uint64_t sock_create(uint64_t cookie, enum tcp_state state)
{
	uint32_t index = pop_free();
	struct sock *sock;
	uint64_t word;

	while (index == 0) {
		if (!add_slab())
			return 0;
		index = pop_free();
	}
	sock = sock_by_index(index);
	word = (atomic_load(&sock->word) + GENERATION_ONE) & (0xffffULL << 48);
	if (word == 0)
		word = GENERATION_ONE;
	word |= look_flags(state) | state;
	clear_record(sock, cookie);
	sock_set(sock, last_write, 0);
	sock_set(sock, references, 1);
	/* Whoever sees this one sees the rest. */
	atomic_store_explicit(&sock->word, word, memory_order_release);
	return make_ref(sock, word);
}

bool sock_remembers(uint64_t ref)
{
	uint64_t word = atomic_load(&sock_of(ref)->word);
	uint64_t age = sock_generation(word) - sock_ref_generation(ref);

	return (age & 0xffff) <= 1;
}

bool sock_swap(uint64_t ref, uint64_t *word, uint64_t next)
{
	return atomic_compare_exchange_strong(&sock_of(ref)->word, word, next);
}

bool sock_flag(uint64_t ref, uint64_t set, uint64_t clear)
{
	uint64_t word;

	if (!sock_load(ref, &word))
		return false;
	while (!sock_swap(ref, &word, (word | set) & ~clear)) {
		if (sock_generation(word) != sock_ref_generation(ref))
			return false;
	}
	return true;
}

bool sock_hold(uint64_t ref)
{
	struct sock *sock = sock_of(ref);
	uint32_t count = atomic_load(&sock->references);
	uint64_t word;

	do {
		if (count == 0 || !sock_load(ref, &word))
			return false;
	} while (!atomic_compare_exchange_weak(&sock->references, &count,
					       count + 1));
	return true;
}

bool sock_release(uint64_t ref)
{
	return atomic_fetch_sub(&sock_of(ref)->references, 1) == 1;
}

bool sock_revive(uint64_t ref)
{
	uint32_t none = 0;
	uint64_t word;

	return sock_load(ref, &word) &&
	       atomic_compare_exchange_strong(&sock_of(ref)->references, &none,
					      1);
}

void sock_free(uint64_t ref)
{
	uint64_t word;

	if (!sock_load(ref, &word))
		return;
	/* Whoever takes the generation away owns the record: once only. */
	while (!sock_swap(ref, &word, word + GENERATION_ONE)) {
		if (sock_generation(word) != sock_ref_generation(ref))
			return;
	}
	push_free(sock_index(ref));
}

void sock_end_credit(void)
{
	uint32_t count = atomic_load(&slab_count);

	for (uint32_t i = 0; i < count; i++) {
		struct sock *slab = atomic_load(&slabs[i]);

		for (uint32_t j = 1; slab && j < SLAB_SOCKS; j++)
			sock_give_credit(&slab[j], 0);
	}
}

/* Would its further life have been told? */
static bool is_unsettled(uint64_t ref)
{
	uint64_t word;

	return sock_load(ref, &word) && !(word & SOCK_SILENT_GHOST) &&
	       sock_state(word) != ST_CLOSED;
}

void ghost_add(uint64_t ref)
{
	uint64_t slot = atomic_fetch_add(&ghost_next, 1) % GHOST_MAX;
	uint64_t old = atomic_exchange(&ghosts[slot], ref);

	if (!old)
		return;
	if (is_unsettled(old))
		blind_count(BLIND_FORGOTTEN);
	sock_free(old);
}

void ghost_prepare(void)
{
	uint64_t next = atomic_load_explicit(&ghost_next, memory_order_relaxed);
	uint64_t oldest = atomic_load_explicit(&ghosts[next % GHOST_MAX],
					       memory_order_relaxed);

	if (!oldest)
		return;
	__builtin_prefetch(&sock_of(oldest)->word, 1);
	__builtin_prefetch(&sock_of(oldest)->next, 1);
}

void ghost_forget(unsigned int slot, uint64_t ref)
{
	if (atomic_compare_exchange_strong(&ghosts[slot], &ref, 0))
		sock_free(ref);
}

void ghost_silence(uint64_t cookie)
{
	unsigned int end = ghost_end();

	for (unsigned int slot = 0; slot < end; slot++) {
		uint64_t ref = ghost_at(slot);

		if (ref && sock_of(ref)->cookie == cookie)
			sock_flag(ref, SOCK_SILENT_GHOST, 0);
	}
}

unsigned int ghost_end(void)
{
	uint64_t added = atomic_load(&ghost_next);

	return added < GHOST_MAX ? (unsigned int)added : GHOST_MAX;
}

uint64_t ghost_at(unsigned int slot)
{
	return atomic_load(&ghosts[slot]);
}
