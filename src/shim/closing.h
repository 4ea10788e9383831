/*
 * The end of a descriptor: what must be known before the real call, and what it
 * means afterwards.
 *
 * Called by: close, dup2, fclose and everything else that closes. The reference
 * leaves the table *before* the real call, because another thread may be given
 * the number at once; until that has returned the entry is TABLE_CLOSING.
 * Async-signal-safe, allocates nothing, leaves errno alone.
 */
#ifndef SHIM_CLOSING_H
#define SHIM_CLOSING_H

#include "shim/observe.h"

/*
 * The last look at an open socket: observe; and, where there is a ring, what
 * the connection has carried, by the same system call.
 */
void closing_look(int fd, uint64_t ref, const struct sight *sight);

/* What closing_begin returns when another descriptor keeps the socket. */
#define CLOSING_COPY 1

/*
 * Before. Returns the socket when fd is its last descriptor in this process,
 * CLOSING_COPY when it is not, 0 when fd is not followed. closing_end or
 * closing_undo must follow, with what it returned.
 */
uint64_t closing_begin(int fd, const struct sight *sight);

/*
 * Before dup2() and dup3(), which close `to` on the way. As closing_begin; 0
 * too when they will fail, as `from` is no descriptor or `to` above the
 * limit: nothing has to be put back then. In a sandbox that cannot be asked,
 * and what `to` was has to be given up afterwards.
 */
uint64_t closing_begin_replaced(int from, int to, const struct sight *sight);

/* The real call failed and closed nothing: everything is as before. */
void closing_undo(int fd, uint64_t ref);

/* After. The sight tells the result of the real call. */
void closing_end(int fd, uint64_t ref, const struct sight *sight);

/*
 * A call on a number whose socket was closed. If the number is still free this
 * is use-after-close, or double-close; otherwise the grave is cleared. Returns
 * the reference if the number has become another TCP socket, else 0.
 */
uint64_t closing_visit(int fd, uint64_t entry, enum call call,
		       const void *place) __attribute__((cold));

/*
 * The number that was closed last, by close() and in whichever thread, and the
 * one before it.
 */
extern _Atomic int closing_last __attribute__((visibility("hidden")));
extern _Atomic int closing_before __attribute__((visibility("hidden")));

/* On the data path: a demon closes a billion numbers. */
static inline void closing_note(int fd)
{
	int last = atomic_load_explicit(&closing_last, memory_order_relaxed);

	atomic_store_explicit(&closing_last, fd, memory_order_relaxed);
	atomic_store_explicit(&closing_before, last, memory_order_relaxed);
}

/*
 * All numbers from first to last: takes them, and lists them. None, when the
 * call is one that this kernel will refuse.
 */
uint32_t closing_begin_range(unsigned int first, unsigned int last,
			     const struct sight *sight);
void closing_end_range(unsigned int first, unsigned int last, uint32_t list,
		       const struct sight *sight);

#endif
