/*
 * What `real` holds of the data path's functions until they are found: each
 * finds them all, and goes on to libc's. So a wrapper on the data path needs no
 * question whether `real` is set.
 *
 * Called by: the wrappers, through `real`. Async-signal-safe.
 */
#ifndef SHIM_EARLY_H
#define SHIM_EARLY_H

#include <time.h>

#include "shim/symbols.h"

ssize_t early_read(int fd, void *buffer, size_t size);
ssize_t early_read_chk(int fd, void *buffer, size_t size, size_t room);
ssize_t early_readv(int fd, const struct iovec *parts, int count);
ssize_t early_recv(int fd, void *buffer, size_t size, int flags);
ssize_t early_recv_chk(int fd, void *buffer, size_t size, size_t room,
		       int flags);
ssize_t early_recvfrom(int fd, void *__restrict buffer, size_t size, int flags,
		       __SOCKADDR_ARG address, socklen_t *__restrict length);
ssize_t early_recvfrom_chk(int fd, void *__restrict buffer, size_t size,
			   size_t room, int flags, __SOCKADDR_ARG address,
			   socklen_t *__restrict length);
ssize_t early_write(int fd, const void *buffer, size_t size);
ssize_t early_writev(int fd, const struct iovec *parts, int count);
ssize_t early_send(int fd, const void *buffer, size_t size, int flags);
ssize_t early_sendto(int fd, const void *buffer, size_t size, int flags,
		     __CONST_SOCKADDR_ARG address, socklen_t length);
int early_close(int fd);
int early_clock_gettime(clockid_t clock, struct timespec *now);

#endif
