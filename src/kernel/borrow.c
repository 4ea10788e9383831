#include "kernel/borrow.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "kernel/raw.h"

/*
 * For so long the two wait for each other. Longer than a fork takes on a busy
 * machine; a program whose fork handlers wait for a thread that waits here goes
 * on after it.
 */
enum { PATIENCE = 50 /* ms */ };

static _Atomic int borrowers;

/* The thread that forks, by the address of its errno; 0: none. */
static _Atomic uintptr_t forker;

static uintptr_t this_thread(void)
{
	return (uintptr_t)&errno;
}

static long milliseconds(void)
{
	struct timespec now;

	raw_call3(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, (long)&now, 0);
	return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Lets others run; false when it has been enough. *since: 0 at first. */
static bool wait_on(long *since)
{
	long now = milliseconds();

	if (*since == 0)
		*since = now;
	raw_call3(SYS_sched_yield, 0, 0, 0);
	return now - *since < PATIENCE;
}

/* A fork's own handlers (pthread_atfork) must not wait for it. */
uint64_t borrow_begin(void)
{
	uint64_t mask = raw_block_signals();
	long since = 0;

	for (;;) {
		uintptr_t found;

		atomic_fetch_add(&borrowers, 1);
		found = atomic_load(&forker);
		if (found == 0 || found == this_thread())
			return mask;
		atomic_fetch_sub(&borrowers, 1);
		if (!wait_on(&since))
			break;
	}
	atomic_fetch_add(&borrowers, 1);
	return mask;
}

void borrow_end(uint64_t mask)
{
	atomic_fetch_sub(&borrowers, 1);
	raw_restore_signals(mask);
}

void borrow_forking(void)
{
	uintptr_t none = 0;
	long since = 0;

	/* Of several forks at once each needs the others' silence only. */
	atomic_compare_exchange_strong(&forker, &none, this_thread());
	while (atomic_load(&borrowers) > 0 && wait_on(&since))
		;
}

void borrow_forked(void)
{
	uintptr_t ours = this_thread();

	atomic_compare_exchange_strong(&forker, &ours, 0);
}

void borrow_in_child(void)
{
	atomic_store(&borrowers, 0);
	atomic_store(&forker, 0);
}
