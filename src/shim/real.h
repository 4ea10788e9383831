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

#include "shim/symbols.h"

struct real {
#define CALL(symbol, kind, flags) __typeof__(symbol) *symbol;
#include "model/calls.def"
#undef CALL
};

/* All set as soon as a descriptor is tracked; before that, see real_calls. */
extern struct real real;

/* Fills what is still NULL from libc's symbol table. Async-signal-safe. */
void real_early(void);

/* Called once, by the constructor. May allocate (dlsym). */
void real_resolve(void);

/*
 * Where a pending pthread_cancel() acts, as every cancellation point does before
 * its system call. For wrappers that change the table before the real call.
 */
void real_test_cancel(void);

/* For an untracked descriptor, which may come before the constructor. */
static inline const struct real *real_calls(void)
{
	if (__builtin_expect(!real.close, 0))
		real_early();
	return &real;
}

#endif
