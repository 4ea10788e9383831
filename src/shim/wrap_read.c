#include "shim/copying.h"
#include "shim/wrap.h"

/* What has to be known after the call. */
struct kept {
	int fd;
	uint64_t ref;
};

static inline void keep(struct kept *kept, int fd, uint64_t ref)
{
	kept->fd = fd;
	kept->ref = ref;
	KEEP(kept->fd);
	KEEP(kept->ref);
}

static OUT_OF_LINE ssize_t read_look(const struct kept *kept, enum call call,
				     ssize_t result, const void *place)
{
	struct sight sight;

	/* What event loops see most: there is nothing yet. */
	if (result < 0 && errno_now() == EAGAIN &&
	    !observe_wants_read(kept->ref))
		return result;
	sight = sight_of(call, result, place);
	observe_read(kept->fd, kept->ref, &sight);
	return result;
}

/* After a read from a followed socket: the good case costs two loads. */
static inline __attribute__((always_inline)) ssize_t
read_done_at(const struct kept *kept, enum call call, ssize_t result,
	     const void *place)
{
	if (likely(result > 0 && !observe_wants_read(kept->ref)))
		return result;
	return read_look(kept, call, result, place);
}

/* As it is inlined, the return address is the wrapper's. */
static inline __attribute__((always_inline)) ssize_t
read_done(const struct kept *kept, enum call call, ssize_t result)
{
	return read_done_at(kept, call, result, RETURN_ADDRESS);
}

static OUT_OF_LINE ssize_t read_buried(int fd, void *buffer, size_t size)
{
	struct kept kept = { fd, followed(fd, CALL_read, RETURN_ADDRESS) };
	ssize_t result = real.read(fd, buffer, size);

	if (!kept.ref)
		return result;
	return read_done(&kept, CALL_read, result);
}

ssize_t read(int fd, void *buffer, size_t size)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (is_reference(entry)) {
		keep(&kept, fd, entry);
		result = real.read(fd, buffer, size);
		return read_done(&kept, CALL_read, result);
	}
	if (likely(entry == 0))
		return real.read(fd, buffer, size);
	return read_buried(fd, buffer, size);
}

ssize_t __read(int fd, void *buffer, size_t size)
	__attribute__((alias("read")));

static OUT_OF_LINE ssize_t __read_chk_buried(int fd, void *buffer, size_t size,
					     size_t room)
{
	struct kept kept = { fd,
			     followed(fd, CALL___read_chk, RETURN_ADDRESS) };
	ssize_t result = real.__read_chk(fd, buffer, size, room);

	if (!kept.ref)
		return result;
	return read_done(&kept, CALL___read_chk, result);
}

ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (is_reference(entry)) {
		keep(&kept, fd, entry);
		result = real.__read_chk(fd, buffer, size, room);
		return read_done(&kept, CALL___read_chk, result);
	}
	if (likely(entry == 0))
		return real.__read_chk(fd, buffer, size, room);
	return __read_chk_buried(fd, buffer, size, room);
}

static OUT_OF_LINE ssize_t readv_buried(int fd, const struct iovec *parts,
					int count)
{
	struct kept kept = { fd, followed(fd, CALL_readv, RETURN_ADDRESS) };
	ssize_t result = real.readv(fd, parts, count);

	if (!kept.ref)
		return result;
	return read_done(&kept, CALL_readv, result);
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (is_reference(entry)) {
		keep(&kept, fd, entry);
		result = real.readv(fd, parts, count);
		return read_done(&kept, CALL_readv, result);
	}
	if (likely(entry == 0))
		return real.readv(fd, parts, count);
	return readv_buried(fd, parts, count);
}

ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset,
		int flags)
{
	uint64_t ref = followed(fd, CALL_preadv2, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->preadv2(fd, parts, count, offset, flags);
	return read_done(&(struct kept){ fd, ref }, CALL_preadv2,
			 real.preadv2(fd, parts, count, offset, flags));
}

ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset,
		   int flags)
{
	uint64_t ref = followed(fd, CALL_preadv64v2, RETURN_ADDRESS);

	if (!ref)
		return real_calls()->preadv64v2(fd, parts, count, offset,
						flags);
	return read_done(&(struct kept){ fd, ref }, CALL_preadv64v2,
			 real.preadv64v2(fd, parts, count, offset, flags));
}

static OUT_OF_LINE ssize_t recv_buried(int fd, void *buffer, size_t size,
				       int flags)
{
	struct kept kept = { fd, followed(fd, CALL_recv, RETURN_ADDRESS) };
	ssize_t result = real.recv(fd, buffer, size, flags);

	if (!kept.ref)
		return result;
	return read_done(&kept, CALL_recv, result);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (is_reference(entry)) {
		keep(&kept, fd, entry);
		result = real.recv(fd, buffer, size, flags);
		return read_done(&kept, CALL_recv, result);
	}
	if (likely(entry == 0))
		return real.recv(fd, buffer, size, flags);
	return recv_buried(fd, buffer, size, flags);
}

static OUT_OF_LINE ssize_t __recv_chk_buried(int fd, void *buffer, size_t size,
					     size_t room, int flags)
{
	struct kept kept = { fd,
			     followed(fd, CALL___recv_chk, RETURN_ADDRESS) };
	ssize_t result = real.__recv_chk(fd, buffer, size, room, flags);

	if (!kept.ref)
		return result;
	return read_done(&kept, CALL___recv_chk, result);
}

ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (is_reference(entry)) {
		keep(&kept, fd, entry);
		result = real.__recv_chk(fd, buffer, size, room, flags);
		return read_done(&kept, CALL___recv_chk, result);
	}
	if (likely(entry == 0))
		return real.__recv_chk(fd, buffer, size, room, flags);
	return __recv_chk_buried(fd, buffer, size, room, flags);
}

/* Told the place: recvfrom() has too much on its stack for a tail call. */
static OUT_OF_LINE ssize_t recvfrom_buried(int fd, void *__restrict buffer,
					   size_t size, int flags,
					   __SOCKADDR_ARG address,
					   socklen_t *__restrict length,
					   const void *place)
{
	uint64_t ref = followed(fd, CALL_recvfrom, place);
	ssize_t result =
		real.recvfrom(fd, buffer, size, flags, address, length);

	return ref ? read_done_at(&(struct kept){ fd, ref }, CALL_recvfrom,
				  result, place)
		   : result;
}

ssize_t recvfrom(int fd, void *__restrict buffer, size_t size, int flags,
		 __SOCKADDR_ARG address, socklen_t *__restrict length)
{
	uint64_t ref = table_entry(fd);
	ssize_t result;

	if (is_reference(ref)) {
		KEEP(fd);
		KEEP(ref);
		result =
			real.recvfrom(fd, buffer, size, flags, address, length);
		return read_done(&(struct kept){ fd, ref }, CALL_recvfrom,
				 result);
	}
	if (likely(ref == 0))
		return real.recvfrom(fd, buffer, size, flags, address, length);
	return recvfrom_buried(fd, buffer, size, flags, address, length,
			       RETURN_ADDRESS);
}

static OUT_OF_LINE ssize_t __recvfrom_chk_buried(
	int fd, void *__restrict buffer, size_t size, size_t room, int flags,
	__SOCKADDR_ARG address, socklen_t *__restrict length)
{
	struct kept kept = { fd, followed(fd, CALL___recvfrom_chk,
					  RETURN_ADDRESS) };
	ssize_t result = real.__recvfrom_chk(fd, buffer, size, room, flags,
					     address, length);

	if (!kept.ref)
		return result;
	return read_done(&kept, CALL___recvfrom_chk, result);
}

ssize_t __recvfrom_chk(int fd, void *__restrict buffer, size_t size,
		       size_t room, int flags, __SOCKADDR_ARG address,
		       socklen_t *__restrict length)
{
	uint64_t entry = table_entry(fd);
	struct kept kept;
	ssize_t result;

	if (is_reference(entry)) {
		keep(&kept, fd, entry);
		result = real.__recvfrom_chk(fd, buffer, size, room, flags,
					     address, length);
		return read_done(&kept, CALL___recvfrom_chk, result);
	}
	if (likely(entry == 0))
		return real.__recvfrom_chk(fd, buffer, size, room, flags,
					   address, length);
	return __recvfrom_chk_buried(fd, buffer, size, room, flags, address,
				     length);
}

/* On a socket that is not followed, descriptors may come in (SCM_RIGHTS). */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	uint64_t ref = followed(fd, CALL_recvmsg, RETURN_ADDRESS);
	ssize_t result;

	if (ref)
		return read_done(&(struct kept){ fd, ref }, CALL_recvmsg,
				 real.recvmsg(fd, message, flags));
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
			read_done(&(struct kept){ fd, ref }, CALL_recvmmsg, 0);
		else
			read_done(&(struct kept){ fd, ref }, CALL_recvmmsg,
				  result);
		return result;
	}
	result = real_calls()->recvmmsg(fd, messages, count, flags, timeout);
	for (int i = 0; i < result; i++) {
		if (messages[i].msg_hdr.msg_controllen > 0)
			seen_received(&messages[i].msg_hdr);
	}
	return result;
}
