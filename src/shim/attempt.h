/*
 * A write to a followed socket, from before the call until its result is dealt
 * with.
 *
 * It goes out with MSG_NOSIGNAL, so that the library can speak before the
 * signal comes; attempt_end then raises it exactly as the kernel would. In a
 * sandbox no call is replaced by another one.
 *
 * Called by: the write wrappers, when the write is not on credit (sock_spend)
 * or has failed. Async-signal-safe, allocates nothing, keeps errno as the
 * program is to see it.
 */
#ifndef SHIM_ATTEMPT_H
#define SHIM_ATTEMPT_H

#include <sys/types.h>

#include "shim/observe.h"
#include "shim/sigpipe.h"

struct attempt {
	int fd;
	int errno_before; /* what a signal handler has to see */
	int flags;        /* the caller's */
	bool held_back;   /* we add MSG_NOSIGNAL */
	uint64_t ref;     /* 0: none */
};

/*
 * Before a write that has no credit: looks at the connection if there is a
 * reason to. False when the call has to be made as the caller made it.
 */
bool attempt_begin(struct attempt *attempt, int fd, int flags, enum call call,
		   const void *place);

/* After it, where there is more to it than attempt_end() sees. */
ssize_t attempt_told(const struct attempt *attempt, enum call call,
		     ssize_t result, const void *place);

/* After it. */
static inline ssize_t attempt_end(const struct attempt *attempt, enum call call,
				  ssize_t result, const void *place)
{
	if (!attempt->ref || (result >= 0 && !observe_wants_read(attempt->ref)))
		return result;
	return attempt_told(attempt, call, result, place);
}

/* A write on credit has failed. */
ssize_t attempt_failed(int fd, int errno_before, int flags, enum call call,
		       const void *place);

/*
 * send() and sendmsg() stand in for write() and writev(). Was it no socket? The
 * number was closed by a call that cannot be seen (in another libc, by
 * io_uring, without libc), and leads to a file or a pipe by now. Nothing has
 * happened yet: the call that the program made can still be made.
 */
bool attempt_missed(const struct attempt *attempt, ssize_t result);

/*
 * For calls that know no MSG_NOSIGNAL, or cannot use it: sendmmsg() reports an
 * error of a later message by a short count alone, but raises the signal. When
 * the connection looks dead the signal is blocked around the call; it came, and
 * is raised again after the report.
 */
struct held {
	struct attempt attempt;
	struct sigpipe_hold hold;
};
struct held attempt_hold(int fd, uint64_t ref, int flags, enum call call,
			 const void *place);
ssize_t attempt_held_done(struct attempt *attempt, struct sigpipe_hold *hold,
			  enum call call, ssize_t result, const void *place);

#endif
