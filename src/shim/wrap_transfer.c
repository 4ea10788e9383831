/*
 * The writes that know no MSG_NOSIGNAL: the signal is held back around them
 * where the connection looks dead (attempt.h).
 */
#include "shim/attempt.h"
#include "shim/copying.h"
#include "shim/wrap.h"

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset,
		 int flags)
{
	uint64_t ref = followed(fd, CALL_pwritev2, RETURN_ADDRESS);
	struct held held;

	if (!ref)
		return real_calls()->pwritev2(fd, parts, count, offset, flags);
	held = attempt_hold(fd, ref, 0, CALL_pwritev2, RETURN_ADDRESS);
	return attempt_held_done(&held.attempt, &held.hold, CALL_pwritev2,
				 real.pwritev2(fd, parts, count, offset, flags),
				 RETURN_ADDRESS);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count,
		    off64_t offset, int flags)
{
	uint64_t ref = followed(fd, CALL_pwritev64v2, RETURN_ADDRESS);
	struct held held;

	if (!ref)
		return real_calls()->pwritev64v2(fd, parts, count, offset,
						 flags);
	held = attempt_hold(fd, ref, 0, CALL_pwritev64v2, RETURN_ADDRESS);
	return attempt_held_done(&held.attempt, &held.hold, CALL_pwritev64v2,
				 real.pwritev64v2(fd, parts, count, offset,
						  flags),
				 RETURN_ADDRESS);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	uint64_t ref = followed(fd, CALL_sendmmsg, RETURN_ADDRESS);
	struct held held;
	int result;

	if (!ref) {
		result = real_calls()->sendmmsg(fd, messages, count, flags);
		for (int i = 0; i < result; i++) {
			if (messages[i].msg_hdr.msg_controllen > 0)
				seen_sent(&messages[i].msg_hdr);
		}
		return result;
	}
	held = attempt_hold(fd, ref, flags, CALL_sendmmsg, RETURN_ADDRESS);
	return (int)attempt_held_done(&held.attempt, &held.hold, CALL_sendmmsg,
				      real.sendmmsg(fd, messages, count, flags),
				      RETURN_ADDRESS);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
	uint64_t ref = followed(out, CALL_sendfile, RETURN_ADDRESS);
	struct held held;

	if (!ref)
		return real_calls()->sendfile(out, in, offset, size);
	held = attempt_hold(out, ref, 0, CALL_sendfile, RETURN_ADDRESS);
	return attempt_held_done(&held.attempt, &held.hold, CALL_sendfile,
				 real.sendfile(out, in, offset, size),
				 RETURN_ADDRESS);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size)
{
	uint64_t ref = followed(out, CALL_sendfile64, RETURN_ADDRESS);
	struct held held;

	if (!ref)
		return real_calls()->sendfile64(out, in, offset, size);
	held = attempt_hold(out, ref, 0, CALL_sendfile64, RETURN_ADDRESS);
	return attempt_held_done(&held.attempt, &held.hold, CALL_sendfile64,
				 real.sendfile64(out, in, offset, size),
				 RETURN_ADDRESS);
}

/* Of its two ends one is a pipe; the other may be a socket. */
ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset,
	       size_t size, unsigned int flags)
{
	uint64_t to = followed(out, CALL_splice, RETURN_ADDRESS);
	uint64_t from = followed(in, CALL_splice, RETURN_ADDRESS);
	struct held held;
	struct sight sight;
	ssize_t result;

	if (to) {
		held = attempt_hold(out, to, 0, CALL_splice, RETURN_ADDRESS);
		return attempt_held_done(&held.attempt, &held.hold, CALL_splice,
					 real.splice(in, in_offset, out,
						     out_offset, size, flags),
					 RETURN_ADDRESS);
	}
	result = real_calls()->splice(in, in_offset, out, out_offset, size,
				      flags);
	if (from && (result <= 0 || observe_wants_read(from))) {
		sight = sight_of(CALL_splice, result, RETURN_ADDRESS);
		observe_read(in, from, &sight);
	}
	return result;
}
