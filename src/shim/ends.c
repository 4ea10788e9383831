#include "shim/ends.h"

#include <stddef.h>
#include <sys/mman.h>

#include "kernel/raw.h"
#include "ring/layout.h"
#include "shim/feed.h"
#include "shim/process.h"

enum { ENDS = 1 << 16 };

/* A place that is being written. No cookie is so high. */
#define BUSY UINT64_MAX

/*
 * Written one after the other, so that an end costs no cache miss; the newest
 * takes the place of the oldest. Who looks for a cookie goes through all of
 * them (50 us), which only the explanation of a busy port does.
 */
struct log {
	_Atomic uint64_t cookies[ENDS]; /* 0: free */
	struct {
		uint32_t born;
		uint32_t closed_by;
		uint8_t role;
	} ends[ENDS];
};

_Static_assert(sizeof(struct log) == 20 * ENDS,
	       "20 bytes each, as ends.h says");

static struct log *_Atomic whole;
static _Atomic uint64_t added;

static struct log *get_log(void)
{
	struct log *memory = atomic_load(&whole);
	struct log *none = NULL;
	long at;

	if (memory || process_sandboxed())
		return memory;
	at = raw_call6(SYS_mmap, 0, sizeof(struct log), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at < 0 && at > -4096)
		return NULL;
	if (atomic_compare_exchange_strong(&whole, &none, (struct log *)at))
		return (struct log *)at;
	raw_call3(SYS_munmap, at, sizeof(struct log), 0);
	return none;
}

void ends_reserve(void)
{
	get_log();
}

void ends_add(const struct sock *sock)
{
	struct log *log = sock->cookie ? get_log() : NULL;
	uint64_t old;
	size_t at;

	if (!log)
		return;
	at = atomic_fetch_add(&added, 1) % ENDS;
	old = atomic_load(&log->cookies[at]);
	if (old == BUSY ||
	    !atomic_compare_exchange_strong(&log->cookies[at], &old, BUSY))
		return;
	log->ends[at].born = sock->born;
	log->ends[at].closed_by = sock->closed_by;
	log->ends[at].role = sock->role;
	atomic_store_explicit(&log->cookies[at], sock->cookie,
			      memory_order_release);
}

void ends_prepare(void)
{
	struct log *log = atomic_load(&whole);
	size_t at = atomic_load_explicit(&added, memory_order_relaxed) % ENDS;

	if (!log)
		return;
	__builtin_prefetch(&log->cookies[at], 1);
	__builtin_prefetch(&log->ends[at], 1);
}

void ends_ask(struct text *text, uint64_t cookie)
{
	if (!feed_attached() || cookie == 0)
		return;
	text_add_bytes(text, &(char){ RING_SOCKET_MARK }, 1);
	text_add_number(text, cookie);
	text_add(text, "\n");
}

bool ends_find(uint64_t cookie, struct end *end)
{
	struct log *log = atomic_load(&whole);
	uint64_t newest = atomic_load(&added);
	uint64_t count = newest < ENDS ? newest : ENDS;

	if (!log || cookie == 0)
		return false;
	/* One may have ended twice, here and in another process. */
	for (uint64_t back = 1; back <= count; back++) {
		size_t at = (newest - back) % ENDS;

		if (atomic_load_explicit(&log->cookies[at],
					 memory_order_acquire) != cookie)
			continue;
		*end = (struct end){ .born = log->ends[at].born,
				     .closed_by = log->ends[at].closed_by,
				     .role = (enum role)log->ends[at].role };
		return atomic_load(&log->cookies[at]) == cookie;
	}
	return false;
}
