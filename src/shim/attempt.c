#include "shim/attempt.h"

#include <errno.h>
#include <sys/socket.h>

#include "shim/process.h"
#include "shim/wrap.h"

/* Nothing here is exported. */
#pragma GCC visibility pop

bool attempt_begin(struct attempt *attempt, int fd, int flags, enum call call,
		   const void *place)
{
	attempt->fd = fd;
	attempt->errno_before = errno;
	attempt->flags = flags;
	attempt->ref = followed(fd, call, place);
	attempt->held_back = attempt->ref && !process_sandboxed();
	if (attempt->ref &&
	    sigpipe_wants_look(attempt->ref, flags & MSG_NOSIGNAL))
		sigpipe_before_write(fd, attempt->ref, call,
				     flags & MSG_NOSIGNAL, place);
	return attempt->held_back;
}

ssize_t attempt_told(const struct attempt *attempt, enum call call,
		     ssize_t result, const void *place)
{
	struct sight sight = sight_of(call, result, place);
	bool sandboxed = process_sandboxed();
	int saved = errno;
	bool quiet = result < 0 &&
		     (sight.error == EAGAIN || sight.error == EINTR);

	if (!quiet || observe_wants_read(attempt->ref))
		observe(attempt->fd, attempt->ref, &sight);
	if (result < 0 && !sandboxed)
		sigpipe_write_failed(attempt->fd, attempt->ref, &sight);
	errno = saved;
	if (sight.error == EPIPE && !(attempt->flags & MSG_NOSIGNAL) &&
	    !sandboxed)
		sigpipe_failed(attempt->fd, attempt->ref, &sight,
			       attempt->held_back, attempt->errno_before);
	return result;
}

bool attempt_missed(const struct attempt *attempt, ssize_t result)
{
	struct sight sight = { .call = CALL_write };

	if (result >= 0 || errno != ENOTSOCK || !attempt->held_back)
		return false;
	if (process_owns_memory())
		observe_vanished(attempt->fd, attempt->ref, &sight);
	errno = attempt->errno_before;
	return true;
}

ssize_t attempt_failed(int fd, int errno_before, int flags, enum call call,
		       const void *place)
{
	uint64_t ref = table_find(fd);
	/* Closed while the write waited: the signal is owed all the same. */
	struct attempt attempt = { .fd = fd,
				   .errno_before = errno_before,
				   .flags = flags,
				   .held_back = true,
				   .ref = ref ? ref : sock_nobody() };

	return attempt_end(&attempt, call, -1, place);
}

struct held attempt_hold(int fd, uint64_t ref, int flags, enum call call,
			 const void *place)
{
	struct held held;

	attempt_begin(&held.attempt, fd, flags, call, place);
	sigpipe_hold(ref, &held.hold);
	return held;
}

ssize_t attempt_held_done(struct attempt *attempt, struct sigpipe_hold *hold,
			  enum call call, ssize_t result, const void *place)
{
	int saved = errno;

	attempt->held_back =
		sigpipe_release(hold, result < 0 && saved == EPIPE);
	errno = saved;
	return attempt_end(attempt, call, result, place);
}
