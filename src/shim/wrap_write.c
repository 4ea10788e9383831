#include <limits.h>

#include "shim/attempt.h"
#include "shim/copying.h"
#include "shim/wrap.h"

/*
 * Each call has two ways. With credit: the call with MSG_NOSIGNAL, and nothing
 * else if it is good. Without, NAME_slowly: what attempt_begin says.
 */

/* What has to be known after a write on credit. */
struct kept {
	int fd;
	int flags;
	const void *bytes;
	size_t size;
	int errno_before; /* beside fd they would be merged in a register */
	int count;
};

static inline void keep(struct kept *kept, int fd)
{
	kept->fd = fd;
	kept->errno_before = errno_now();
	KEEP(kept->fd);
	KEEP(kept->errno_before);
}

static inline bool has_credit(uint64_t entry)
{
	return is_reference(entry) && likely(sock_spend(entry));
}

static inline __attribute__((always_inline)) ssize_t
write_attempted(int fd, const void *buffer, size_t size, const void *place)
{
	struct attempt attempt;
	ssize_t result;

	if (attempt_begin(&attempt, fd, 0, CALL_write, place))
		result = real.send(fd, buffer, size, MSG_NOSIGNAL);
	else
		result = real.write(fd, buffer, size);
	if (unlikely(attempt_missed(&attempt, result)))
		return real.write(fd, buffer, size);
	return attempt_end(&attempt, CALL_write, result, place);
}

static OUT_OF_LINE ssize_t write_slowly(int fd, const void *buffer, size_t size)
{
	return write_attempted(fd, buffer, size, RETURN_ADDRESS);
}

/* The same from where write() has a frame, and this is no tail call. */
static OUT_OF_LINE ssize_t write_again(const struct kept *kept,
				       const void *place)
{
	return write_attempted(kept->fd, kept->bytes, kept->size, place);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (has_credit(entry)) {
		keep(&kept, fd);
		kept.bytes = buffer;
		KEEP(kept.bytes);
		kept.size = size;
		KEEP(kept.size);
		result = real.send(fd, buffer, size, MSG_NOSIGNAL);
		if (likely(result >= 0))
			return result;
		if (errno == ENOTSOCK) {
			errno = kept.errno_before;
			return write_again(&kept, RETURN_ADDRESS);
		}
		return attempt_failed(kept.fd, kept.errno_before, 0, CALL_write,
				      RETURN_ADDRESS);
	}
	if (likely(entry == 0))
		return real.write(fd, buffer, size);
	return write_slowly(fd, buffer, size);
}

ssize_t __write(int fd, const void *buffer, size_t size)
	__attribute__((alias("write")));

static OUT_OF_LINE ssize_t send_slowly(int fd, const void *buffer, size_t size,
				       int flags)
{
	struct attempt attempt;
	ssize_t result;

	if (attempt_begin(&attempt, fd, flags, CALL_send, RETURN_ADDRESS))
		result = real.send(fd, buffer, size, flags | MSG_NOSIGNAL);
	else
		result = real.send(fd, buffer, size, flags);
	return attempt_end(&attempt, CALL_send, result, RETURN_ADDRESS);
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (has_credit(entry)) {
		keep(&kept, fd);
		kept.flags = flags;
		KEEP(kept.flags);
		result = real.send(fd, buffer, size, flags | MSG_NOSIGNAL);
		if (likely(result >= 0))
			return result;
		return attempt_failed(kept.fd, kept.errno_before, kept.flags,
				      CALL_send, RETURN_ADDRESS);
	}
	if (likely(entry == 0))
		return real.send(fd, buffer, size, flags);
	return send_slowly(fd, buffer, size, flags);
}

ssize_t __send(int fd, const void *buffer, size_t size, int flags)
	__attribute__((alias("send")));

static OUT_OF_LINE ssize_t sendto_slowly(int fd, const void *buffer,
					 size_t size, int flags,
					 __CONST_SOCKADDR_ARG address,
					 socklen_t length)
{
	struct attempt attempt;
	ssize_t result;

	if (attempt_begin(&attempt, fd, flags, CALL_sendto, RETURN_ADDRESS))
		result = real.sendto(fd, buffer, size, flags | MSG_NOSIGNAL,
				     address, length);
	else
		result = real.sendto(fd, buffer, size, flags, address, length);
	return attempt_end(&attempt, CALL_sendto, result, RETURN_ADDRESS);
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags,
	       __CONST_SOCKADDR_ARG address, socklen_t length)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (has_credit(entry)) {
		keep(&kept, fd);
		kept.flags = flags;
		KEEP(kept.flags);
		result = real.sendto(fd, buffer, size, flags | MSG_NOSIGNAL,
				     address, length);
		if (likely(result >= 0))
			return result;
		return attempt_failed(kept.fd, kept.errno_before, kept.flags,
				      CALL_sendto, RETURN_ADDRESS);
	}
	if (likely(entry == 0))
		return real.sendto(fd, buffer, size, flags, address, length);
	return sendto_slowly(fd, buffer, size, flags, address, length);
}

static OUT_OF_LINE ssize_t sendmsg_slowly(int fd, const struct msghdr *message,
					  int flags)
{
	struct attempt attempt;
	ssize_t result;

	if (attempt_begin(&attempt, fd, flags, CALL_sendmsg, RETURN_ADDRESS))
		result = real.sendmsg(fd, message, flags | MSG_NOSIGNAL);
	else
		result = real.sendmsg(fd, message, flags);
	return attempt_end(&attempt, CALL_sendmsg, result, RETURN_ADDRESS);
}

/* On a socket that is not followed, descriptors may go out (SCM_RIGHTS). */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (has_credit(entry)) {
		keep(&kept, fd);
		kept.flags = flags;
		KEEP(kept.flags);
		result = real.sendmsg(fd, message, flags | MSG_NOSIGNAL);
		if (likely(result >= 0))
			return result;
		return attempt_failed(kept.fd, kept.errno_before, kept.flags,
				      CALL_sendmsg, RETURN_ADDRESS);
	}
	if (entry != 0)
		return sendmsg_slowly(fd, message, flags);
	result = real_calls()->sendmsg(fd, message, flags);
	if (result >= 0 && message->msg_controllen > 0)
		seen_sent(message);
	return result;
}

/* sendmsg() refuses too many parts with EMSGSIZE, writev() with EINVAL. */
static ssize_t send_parts(int fd, const struct iovec *parts, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts,
				  .msg_iovlen = (size_t)count };
	ssize_t result = real.sendmsg(fd, &message, MSG_NOSIGNAL);

	if (result < 0 && errno == EMSGSIZE && count > IOV_MAX)
		errno = EINVAL;
	return result;
}

/* An error of the connection: to come to it, the kernel has read the parts. */
static bool comes_from_connection(int error)
{
	switch (error) {
	case EBADF:
	case EFAULT:
	case EINVAL:
	case ENOBUFS:
	case ENOMEM:
	case ENOTSOCK:
		return false;
	default:
		return true;
	}
}

/*
 * Nothing to write: writev() returns 0 whatever the connection is like, where
 * sendmsg() fails. The parts may be looked at.
 */
static bool is_empty(const struct iovec *parts, int count, ssize_t result)
{
	if (result >= 0 || !comes_from_connection(errno))
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

static OUT_OF_LINE ssize_t writev_slowly(int fd, const struct iovec *parts,
					 int count)
{
	struct attempt attempt;
	struct sigpipe_hold hold;
	ssize_t result;

	/* Without a part it fails or does nothing, and asks nothing. */
	if (!attempt_begin(&attempt, fd, 0, CALL_writev, RETURN_ADDRESS) ||
	    count <= 0)
		return attempt_end(&attempt, CALL_writev,
				   real.writev(fd, parts, count),
				   RETURN_ADDRESS);
	if (!is_open(attempt.ref)) {
		sigpipe_hold(attempt.ref, &hold);
		result = real.writev(fd, parts, count);
		return attempt_held_done(&attempt, &hold, CALL_writev, result,
					 RETURN_ADDRESS);
	}
	result = send_parts(fd, parts, count);
	if (attempt_missed(&attempt, result))
		return real.writev(fd, parts, count);
	if (is_empty(parts, count, result)) {
		errno = attempt.errno_before;
		return 0;
	}
	return attempt_end(&attempt, CALL_writev, result, RETURN_ADDRESS);
}

/*
 * On credit it failed: as a program that writes parts of nothing, or to a
 * number that is no socket any more, it comes here again; else the reason is
 * told.
 */
static OUT_OF_LINE ssize_t writev_failed(int fd, const struct iovec *parts,
					 int count, int errno_before,
					 ssize_t result, const void *place)
{
	if (errno == ENOTSOCK) {
		errno = errno_before;
		return writev_slowly(fd, parts, count);
	}
	if (is_empty(parts, count, result)) {
		errno = errno_before;
		return 0;
	}
	return attempt_failed(fd, errno_before, 0, CALL_writev, place);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (count > 0 && has_credit(entry)) {
		keep(&kept, fd);
		kept.bytes = parts;
		KEEP(kept.bytes);
		kept.count = count;
		KEEP(kept.count);
		result = send_parts(fd, parts, count);
		if (likely(result >= 0))
			return result;
		return writev_failed(kept.fd, kept.bytes, kept.count,
				     kept.errno_before, result, RETURN_ADDRESS);
	}
	if (likely(entry == 0))
		return real.writev(fd, parts, count);
	return writev_slowly(fd, parts, count);
}
