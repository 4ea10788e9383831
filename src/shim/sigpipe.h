/*
 * SIGPIPE: tells before it happens, and lets it happen exactly as the kernel
 * would (DESIGN: SIGPIPE, exactly).
 *
 * Called by: the write wrappers. Not on the data path, where a write spends
 * credit (sock_spend) that sigpipe_wants_look gives. Async-signal-safe,
 * allocates nothing.
 */
#ifndef SHIM_SIGPIPE_H
#define SHIM_SIGPIPE_H

#include "shim/observe.h"
#include "shim/process.h"
#include "shim/settings.h"

/*
 * Is there a reason to look at the connection before this write: its state, or
 * that nothing was written for a while? Notes the time of this write. On a
 * connection that is written to in quick succession it gives credit for some
 * writes to come, which then do not ask: reading the clock (10 ns) for each
 * would cost more than all the rest.
 */
bool sigpipe_wants_look(uint64_t ref, bool nosignal);

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
