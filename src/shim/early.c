#include "shim/early.h"

#include "kernel/raw.h"
#include "shim/real.h"

ssize_t early_read(int fd, void *buffer, size_t size)
{
	return real_early()->read(fd, buffer, size);
}

ssize_t early_read_chk(int fd, void *buffer, size_t size, size_t room)
{
	return real_early()->__read_chk(fd, buffer, size, room);
}

ssize_t early_readv(int fd, const struct iovec *parts, int count)
{
	return real_early()->readv(fd, parts, count);
}

ssize_t early_recv(int fd, void *buffer, size_t size, int flags)
{
	return real_early()->recv(fd, buffer, size, flags);
}

ssize_t early_recv_chk(int fd, void *buffer, size_t size, size_t room,
		       int flags)
{
	return real_early()->__recv_chk(fd, buffer, size, room, flags);
}

ssize_t early_recvfrom(int fd, void *__restrict buffer, size_t size, int flags,
		       __SOCKADDR_ARG address, socklen_t *__restrict length)
{
	return real_early()->recvfrom(fd, buffer, size, flags, address, length);
}

ssize_t early_recvfrom_chk(int fd, void *__restrict buffer, size_t size,
			   size_t room, int flags, __SOCKADDR_ARG address,
			   socklen_t *__restrict length)
{
	return real_early()->__recvfrom_chk(fd, buffer, size, room, flags,
					    address, length);
}

ssize_t early_write(int fd, const void *buffer, size_t size)
{
	return real_early()->write(fd, buffer, size);
}

ssize_t early_writev(int fd, const struct iovec *parts, int count)
{
	return real_early()->writev(fd, parts, count);
}

ssize_t early_send(int fd, const void *buffer, size_t size, int flags)
{
	return real_early()->send(fd, buffer, size, flags);
}

ssize_t early_sendto(int fd, const void *buffer, size_t size, int flags,
		     __CONST_SOCKADDR_ARG address, socklen_t length)
{
	return real_early()->sendto(fd, buffer, size, flags, address, length);
}

int early_close(int fd)
{
	return real_early()->close(fd);
}

int early_clock_gettime(clockid_t clock, struct timespec *now)
{
	return (int)raw_call3(SYS_clock_gettime, clock, (long)now, 0);
}
