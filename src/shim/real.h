/*
 * The functions behind the wrapped names.
 *
 * Owns: struct real, one pointer a row of calls.def. Resolved once, in the
 * library's constructor, with dlsym(RTLD_NEXT), so that other preloaded
 * libraries keep their turn. A call that comes earlier (from another library's
 * constructor) must not run dlsym: it may allocate, and an allocator that is
 * being set up calls us. For those the pointers are read out of libc's own
 * symbol table, without any call (real_early).
 */
#ifndef SHIM_REAL_H
#define SHIM_REAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "shim/symbols.h"

struct real {
#define CALL(symbol, kind, flags) __typeof__(symbol) *symbol;
#include "model/calls.def"
#undef CALL
};

/*
 * The functions of the data path may be called at any time; the others once a
 * socket is followed, before that see real_calls.
 */
extern struct real real __attribute__((visibility("hidden")));
extern _Atomic bool real_found;

/*
 * libc's own clock_gettime(). Whoever interposes it (libfaketime) may take a
 * lock, and the child of a fork() in another thread would wait for ever.
 */
extern int (*real_clock_gettime)(clockid_t clock, struct timespec *now)
	__attribute__((visibility("hidden")));

/*
 * How far errno is from the thread pointer, the same for all threads: libc's
 * own thread-local memory is static. __errno_location() would be a call.
 */
extern long real_errno_offset __attribute__((visibility("hidden")));

static inline int errno_now(void)
{
	return *(const int *)((const char *)__builtin_thread_pointer() +
			      real_errno_offset);
}

/*
 * accept() goes straight to libc: the address that it tells is the kernel's.
 * Before the constructor, false.
 */
extern bool real_accept_is_libc __attribute__((visibility("hidden")));

/* Fills them from libc's symbol table, once. Async-signal-safe. */
const struct real *real_early(void);

/* Called once, by the constructor. May allocate (dlsym). */
void real_resolve(void);

/*
 * Where a pending pthread_cancel() acts, as every cancellation point does before
 * its system call. For wrappers that change the table before the real call.
 */
void real_test_cancel(void);

/* Has the process only this thread? False where libc does not tell (< 2.32). */
bool real_is_single_threaded(void);

/* For a call that may come before the constructor. */
static inline const struct real *real_calls(void)
{
	if (__builtin_expect(!atomic_load_explicit(&real_found,
						   memory_order_acquire),
			     0))
		return real_early();
	return &real;
}

#endif
