#include <limits.h>

#include "shim/lifecycle.h"
#include "shim/sigpipe.h"
#include "shim/wrap.h"

/*
 * A followed socket is written to with MSG_NOSIGNAL, so that the library can
 * speak before the signal comes; write_failed then raises it exactly as the
 * kernel would. In a sandbox no call is replaced by another one.
 */
struct attempt {
	int fd;
	uint64_t ref;
	enum call call;
	int errno_before; /* what a signal handler has to see */
	bool nosignal;    /* the caller wants none */
	bool held_back;   /* we add MSG_NOSIGNAL */
	const void *place;
};

static inline struct attempt write_begin(int fd, uint64_t ref, enum call call,
					 int flags, const void *place)
{
	struct attempt attempt = { .fd = fd,
				   .ref = ref,
				   .call = call,
				   .errno_before = errno,
				   .nosignal = flags & MSG_NOSIGNAL,
				   .held_back = !process_sandboxed(),
				   .place = place };

	if (unlikely(sigpipe_wants_look(ref, attempt.nosignal)))
		sigpipe_before_write(fd, ref, call, attempt.nosignal, place);
	return attempt;
}

static __attribute__((noinline)) void write_look(const struct attempt *attempt,
						 ssize_t result)
{
	struct sight sight = sight_of(attempt->call, result, attempt->place);
	int saved = errno;
	bool quiet = result < 0 &&
		     (sight.error == EAGAIN || sight.error == EINTR);

	if (!quiet || observe_wants_read(attempt->ref))
		observe(attempt->fd, attempt->ref, &sight);
	if (result < 0 && !process_sandboxed())
		sigpipe_write_failed(attempt->fd, attempt->ref, &sight);
	errno = saved;
	if (sight.error == EPIPE && !attempt->nosignal && !process_sandboxed())
		sigpipe_failed(attempt->fd, attempt->ref, &sight,
			       attempt->held_back, attempt->errno_before);
}

static inline ssize_t write_done(const struct attempt *attempt, ssize_t result)
{
	if (unlikely(result < 0 || observe_wants_read(attempt->ref)))
		write_look(attempt, result);
	return result;
}

/*
 * send() and sendmsg() stand in for write() and writev(). Was it no socket? The
 * number was closed by a call that cannot be seen (in another libc, by
 * io_uring, without libc), and leads to a file or a pipe by now. Nothing has
 * happened yet: the call that the program made can still be made.
 */
static __attribute__((noinline)) bool
is_no_socket(const struct attempt *attempt, ssize_t result)
{
	struct sight sight = { .call = attempt->call, .place = attempt->place };

	if (result >= 0 || errno != ENOTSOCK)
		return false;
	if (process_owns_memory())
		observe_vanished(attempt->fd, attempt->ref, &sight);
	errno = attempt->errno_before;
	return true;
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	uint64_t ref = followed(fd, CALL_write, RETURN_ADDRESS);
	struct attempt attempt;
	ssize_t result;

	if (!ref)
		return real_calls()->write(fd, buffer, size);
	attempt = write_begin(fd, ref, CALL_write, 0, RETURN_ADDRESS);
	if (unlikely(!attempt.held_back))
		return write_done(&attempt, real.write(fd, buffer, size));
	result = real.send(fd, buffer, size, MSG_NOSIGNAL);
	if (unlikely(result < 0) && is_no_socket(&attempt, result))
		return real.write(fd, buffer, size);
	return write_done(&attempt, result);
}

ssize_t __write(int fd, const void *buffer, size_t size)
	__attribute__((alias("write")));

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	uint64_t ref = followed(fd, CALL_send, RETURN_ADDRESS);
	struct attempt attempt;

	if (!ref)
		return real_calls()->send(fd, buffer, size, flags);
	attempt = write_begin(fd, ref, CALL_send, flags, RETURN_ADDRESS);
	if (attempt.held_back)
		flags |= MSG_NOSIGNAL;
	return write_done(&attempt, real.send(fd, buffer, size, flags));
}

ssize_t __send(int fd, const void *buffer, size_t size, int flags)
	__attribute__((alias("send")));

ssize_t sendto(int fd, const void *buffer, size_t size, int flags,
	       __CONST_SOCKADDR_ARG address, socklen_t length)
{
	uint64_t ref = followed(fd, CALL_sendto, RETURN_ADDRESS);
	struct attempt attempt;

	if (!ref)
		return real_calls()->sendto(fd, buffer, size, flags, address,
					    length);
	attempt = write_begin(fd, ref, CALL_sendto, flags, RETURN_ADDRESS);
	if (attempt.held_back)
		flags |= MSG_NOSIGNAL;
	return write_done(&attempt, real.sendto(fd, buffer, size, flags,
						address, length));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	uint64_t ref = followed(fd, CALL_sendmsg, RETURN_ADDRESS);
	struct attempt attempt;
	ssize_t result;

	if (!ref) {
		result = real_calls()->sendmsg(fd, message, flags);
		if (result >= 0 && message->msg_controllen > 0)
			seen_sent(message);
		return result;
	}
	attempt = write_begin(fd, ref, CALL_sendmsg, flags, RETURN_ADDRESS);
	if (attempt.held_back)
		flags |= MSG_NOSIGNAL;
	return write_done(&attempt, real.sendmsg(fd, message, flags));
}

/*
 * The rest know no MSG_NOSIGNAL, or cannot use it: sendmmsg() reports an error
 * of a later message by a short count alone, but raises the signal. When the
 * connection looks dead the signal is blocked around the call; it came, and is
 * raised again after the report.
 */
static inline ssize_t held_done(struct attempt *attempt,
				struct sigpipe_hold *hold, ssize_t result)
{
	int saved = errno;

	attempt->held_back =
		sigpipe_release(hold, result < 0 && saved == EPIPE);
	errno = saved;
	return write_done(attempt, result);
}

/*
 * sendmsg() refuses too many or too few parts with EMSGSIZE, writev() with
 * EINVAL.
 */
static ssize_t send_parts(int fd, const struct iovec *parts, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts,
				  .msg_iovlen = (size_t)count };
	ssize_t result = real.sendmsg(fd, &message, MSG_NOSIGNAL);

	if (result < 0 && errno == EMSGSIZE && (count < 0 || count > IOV_MAX))
		errno = EINVAL;
	return result;
}

/*
 * Nothing to write: writev() returns 0 whatever the connection is like, where
 * sendmsg() fails. The parts may be looked at: the kernel has read them.
 */
static bool is_empty(const struct iovec *parts, int count, ssize_t result)
{
	if (result >= 0 || (errno != EPIPE && errno != ECONNRESET))
		return false;
	for (int i = 0; i < count; i++) {
		if (parts[i].iov_len > 0)
			return false;
	}
	return true;
}

/* Is it connected, as far as we know, so that the common case is likely? */
static bool is_open(uint64_t ref)
{
	enum tcp_state state = sock_state(atomic_load_explicit(
		&sock_of(ref)->word, memory_order_relaxed));

	return state == ST_ESTABLISHED || state == ST_CLOSE_WAIT;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	uint64_t ref = followed(fd, CALL_writev, RETURN_ADDRESS);
	struct attempt attempt;
	struct sigpipe_hold hold;
	ssize_t result;

	if (!ref)
		return real_calls()->writev(fd, parts, count);
	attempt = write_begin(fd, ref, CALL_writev, 0, RETURN_ADDRESS);
	if (unlikely(!attempt.held_back))
		return write_done(&attempt, real.writev(fd, parts, count));
	if (unlikely(!is_open(ref))) {
		sigpipe_hold(ref, &hold);
		return held_done(&attempt, &hold,
				 real.writev(fd, parts, count));
	}
	result = send_parts(fd, parts, count);
	if (likely(result >= 0))
		return write_done(&attempt, result);
	if (is_no_socket(&attempt, result))
		return real.writev(fd, parts, count);
	if (is_empty(parts, count, result)) {
		errno = attempt.errno_before;
		return 0;
	}
	return write_done(&attempt, result);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset,
		 int flags)
{
	uint64_t ref = followed(fd, CALL_pwritev2, RETURN_ADDRESS);
	struct attempt attempt;
	struct sigpipe_hold hold;

	if (!ref)
		return real_calls()->pwritev2(fd, parts, count, offset, flags);
	attempt = write_begin(fd, ref, CALL_pwritev2, 0, RETURN_ADDRESS);
	sigpipe_hold(ref, &hold);
	return held_done(&attempt, &hold,
			 real.pwritev2(fd, parts, count, offset, flags));
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count,
		    off64_t offset, int flags)
{
	uint64_t ref = followed(fd, CALL_pwritev64v2, RETURN_ADDRESS);
	struct attempt attempt;
	struct sigpipe_hold hold;

	if (!ref)
		return real_calls()->pwritev64v2(fd, parts, count, offset,
						 flags);
	attempt = write_begin(fd, ref, CALL_pwritev64v2, 0, RETURN_ADDRESS);
	sigpipe_hold(ref, &hold);
	return held_done(&attempt, &hold,
			 real.pwritev64v2(fd, parts, count, offset, flags));
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	uint64_t ref = followed(fd, CALL_sendmmsg, RETURN_ADDRESS);
	struct attempt attempt;
	struct sigpipe_hold hold;
	int result;

	if (!ref) {
		result = real_calls()->sendmmsg(fd, messages, count, flags);
		for (int i = 0; i < result; i++) {
			if (messages[i].msg_hdr.msg_controllen > 0)
				seen_sent(&messages[i].msg_hdr);
		}
		return result;
	}
	attempt = write_begin(fd, ref, CALL_sendmmsg, flags, RETURN_ADDRESS);
	sigpipe_hold(ref, &hold);
	return (int)held_done(&attempt, &hold,
			      real.sendmmsg(fd, messages, count, flags));
}

ssize_t sendfile(int out, int in, off_t *offset, size_t size)
{
	uint64_t ref = followed(out, CALL_sendfile, RETURN_ADDRESS);
	struct attempt attempt;
	struct sigpipe_hold hold;

	if (!ref)
		return real_calls()->sendfile(out, in, offset, size);
	attempt = write_begin(out, ref, CALL_sendfile, 0, RETURN_ADDRESS);
	sigpipe_hold(ref, &hold);
	return held_done(&attempt, &hold, real.sendfile(out, in, offset, size));
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size)
{
	uint64_t ref = followed(out, CALL_sendfile64, RETURN_ADDRESS);
	struct attempt attempt;
	struct sigpipe_hold hold;

	if (!ref)
		return real_calls()->sendfile64(out, in, offset, size);
	attempt = write_begin(out, ref, CALL_sendfile64, 0, RETURN_ADDRESS);
	sigpipe_hold(ref, &hold);
	return held_done(&attempt, &hold,
			 real.sendfile64(out, in, offset, size));
}

/* Of its two ends one is a pipe; the other may be a socket. */
ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset,
	       size_t size, unsigned int flags)
{
	uint64_t to = followed(out, CALL_splice, RETURN_ADDRESS);
	uint64_t from = followed(in, CALL_splice, RETURN_ADDRESS);
	struct attempt attempt;
	struct sigpipe_hold hold;
	struct sight sight;
	ssize_t result;

	if (to) {
		attempt = write_begin(out, to, CALL_splice, 0, RETURN_ADDRESS);
		sigpipe_hold(to, &hold);
		return held_done(&attempt, &hold,
				 real.splice(in, in_offset, out, out_offset,
					     size, flags));
	}
	result = real_calls()->splice(in, in_offset, out, out_offset, size,
				      flags);
	if (from && (result <= 0 || observe_wants_read(from))) {
		sight = sight_of(CALL_splice, result, RETURN_ADDRESS);
		observe_read(in, from, &sight);
	}
	return result;
}
