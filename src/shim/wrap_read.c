#include "shim/lifecycle.h"
#include "shim/wrap.h"

/* After a read from a followed socket: the good case costs two loads. */
static inline ssize_t read_done(int fd, uint64_t ref, enum call call,
				ssize_t result, const void *place)
{
	struct sight sight;

	if (likely(result > 0 && !observe_wants_read(ref)))
		return result;
	sight = sight_of(call, result, place);
	observe_read(fd, ref, &sight);
	return result;
}

ssize_t read(int fd, void *buffer, size_t size)
{
	uint64_t ref = followed(fd, CALL_read, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->read(fd, buffer, size);
	return read_done(fd, ref, CALL_read, real.read(fd, buffer, size),
			 RETURN_ADDRESS);
}

ssize_t __read(int fd, void *buffer, size_t size)
	__attribute__((alias("read")));

ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
	uint64_t ref = followed(fd, CALL___read_chk, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->__read_chk(fd, buffer, size, room);
	return read_done(fd, ref, CALL___read_chk,
			 real.__read_chk(fd, buffer, size, room),
			 RETURN_ADDRESS);
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
	uint64_t ref = followed(fd, CALL_readv, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->readv(fd, parts, count);
	return read_done(fd, ref, CALL_readv, real.readv(fd, parts, count),
			 RETURN_ADDRESS);
}

ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset,
		int flags)
{
	uint64_t ref = followed(fd, CALL_preadv2, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->preadv2(fd, parts, count, offset, flags);
	return read_done(fd, ref, CALL_preadv2,
			 real.preadv2(fd, parts, count, offset, flags),
			 RETURN_ADDRESS);
}

ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset,
		   int flags)
{
	uint64_t ref = followed(fd, CALL_preadv64v2, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->preadv64v2(fd, parts, count, offset,
						flags);
	return read_done(fd, ref, CALL_preadv64v2,
			 real.preadv64v2(fd, parts, count, offset, flags),
			 RETURN_ADDRESS);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	uint64_t ref = followed(fd, CALL_recv, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->recv(fd, buffer, size, flags);
	return read_done(fd, ref, CALL_recv, real.recv(fd, buffer, size, flags),
			 RETURN_ADDRESS);
}

ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags)
{
	uint64_t ref = followed(fd, CALL___recv_chk, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->__recv_chk(fd, buffer, size, room, flags);
	return read_done(fd, ref, CALL___recv_chk,
			 real.__recv_chk(fd, buffer, size, room, flags),
			 RETURN_ADDRESS);
}

ssize_t recvfrom(int fd, void *__restrict buffer, size_t size, int flags,
		 __SOCKADDR_ARG address, socklen_t *__restrict length)
{
	uint64_t ref = followed(fd, CALL_recvfrom, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->recvfrom(fd, buffer, size, flags, address,
					      length);
	return read_done(fd, ref, CALL_recvfrom,
			 real.recvfrom(fd, buffer, size, flags, address,
				       length),
			 RETURN_ADDRESS);
}

ssize_t __recvfrom_chk(int fd, void *__restrict buffer, size_t size,
		       size_t room, int flags, __SOCKADDR_ARG address,
		       socklen_t *__restrict length)
{
	uint64_t ref = followed(fd, CALL___recvfrom_chk, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->__recvfrom_chk(fd, buffer, size, room,
						    flags, address, length);
	return read_done(fd, ref, CALL___recvfrom_chk,
			 real.__recvfrom_chk(fd, buffer, size, room, flags,
					     address, length),
			 RETURN_ADDRESS);
}

/* On a socket that is not followed, descriptors may come in (SCM_RIGHTS). */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	uint64_t ref = followed(fd, CALL_recvmsg, RETURN_ADDRESS);
	ssize_t result;

	if (ref)
		return read_done(fd, ref, CALL_recvmsg,
				 real.recvmsg(fd, message, flags),
				 RETURN_ADDRESS);
	result = real_calls()->recvmsg(fd, message, flags);
	if (result >= 0 && message->msg_controllen > 0)
		seen_received(message);
	return result;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
	     struct timespec *timeout)
{
	uint64_t ref = followed(fd, CALL_recvmmsg, RETURN_ADDRESS);
	int result;

	if (ref) {
		/* Its result is a number of messages: none of them empty? */
		result = real.recvmmsg(fd, messages, count, flags, timeout);
		if (result > 0 && messages[result - 1].msg_len == 0)
			read_done(fd, ref, CALL_recvmmsg, 0, RETURN_ADDRESS);
		else
			read_done(fd, ref, CALL_recvmmsg, result,
				  RETURN_ADDRESS);
		return result;
	}
	result = real_calls()->recvmmsg(fd, messages, count, flags, timeout);
	for (int i = 0; i < result; i++) {
		if (messages[i].msg_hdr.msg_controllen > 0)
			seen_received(&messages[i].msg_hdr);
	}
	return result;
}
