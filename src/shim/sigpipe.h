/*
 * SIGPIPE: tells before it happens, and lets it happen exactly as the kernel
 * would (DESIGN: SIGPIPE, exactly).
 *
 * Called by: the write wrappers. sigpipe_wants_look is on the data path (one
 * read of the coarse clock); the rest is not. Async-signal-safe, allocates
 * nothing.
 */
#ifndef SHIM_SIGPIPE_H
#define SHIM_SIGPIPE_H

#include "shim/observe.h"
#include "shim/process.h"
#include "shim/settings.h"

/* Has the disposition of SIGPIPE been looked at? Once a process. */
extern _Atomic bool sigpipe_checked;

/*
 * Is there a reason to look at the connection before this write: its state, or
 * that nothing was written for a while? Notes the time of this write.
 */
static inline bool sigpipe_wants_look(uint64_t ref, bool nosignal)
{
	struct sock *sock = sock_of(ref);
	uint32_t now = clock_now();
	uint32_t last =
		atomic_load_explicit(&sock->last_write, memory_order_relaxed);

	atomic_store_explicit(&sock->last_write, now, memory_order_relaxed);
	if (atomic_load_explicit(&sock->word, memory_order_relaxed) &
	    SOCK_LOOK_ON_WRITE)
		return true;
	if (now - last >= settings.silence)
		return true;
	/* Who never wants the signal never needs that look. */
	return !nosignal &&
	       !atomic_load_explicit(&sigpipe_checked, memory_order_relaxed);
}

/*
 * The look before a write. nosignal: the caller asked for no signal. Leaves
 * errno alone.
 */
void sigpipe_before_write(int fd, uint64_t ref, enum call call, bool nosignal,
			  const void *place);

/* The kernel shows that the connection was reset while in CLOSE_WAIT. */
void sigpipe_confirmed(int fd, uint64_t ref, const struct sight *sight);

/* A write has failed: was it the first one on this connection? */
void sigpipe_write_failed(int fd, uint64_t ref, const struct sight *sight);

/*
 * A write has failed with EPIPE, and its caller had not asked for MSG_NOSIGNAL.
 * Says what will happen. With `raise` the signal was held back: it is sent
 * now, with errno as the caller had it before the call, and errno is EPIPE
 * afterwards.
 */
void sigpipe_failed(int fd, uint64_t ref, const struct sight *sight, bool raise,
		    int errno_before);

/*
 * For calls that know no MSG_NOSIGNAL: holds SIGPIPE back on this thread when
 * the connection looks dead. sigpipe_release tells whether the call earned it;
 * then it has been taken back, and sigpipe_failed is to be called.
 */
struct sigpipe_hold {
	bool held;
	bool was_pending;
	uint64_t mask;
};
void sigpipe_hold(uint64_t ref, struct sigpipe_hold *hold);
bool sigpipe_release(struct sigpipe_hold *hold, bool failed);

#endif
