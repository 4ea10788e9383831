/*
 * Prototypes of wrapped names that libc exports and its headers keep to
 * themselves: second names and the FORTIFY entry points.
 */
#ifndef SHIM_SYMBOLS_H
#define SHIM_SYMBOLS_H

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pty.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utmp.h>

ssize_t __read(int fd, void *buffer, size_t size);
ssize_t __write(int fd, const void *buffer, size_t size);
ssize_t __send(int fd, const void *buffer, size_t size, int flags);
int __connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length);
int __close(int fd);
int __dup2(int from, int to) __THROW;
int __fcntl(int fd, int command, ...);
pid_t __fork(void) __THROWNL;
pid_t __vfork(void) __THROW;
int __clone(int (*function)(void *), void *stack, int flags, void *argument,
	    ...) __THROW;

ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *__restrict buffer, size_t size,
		       size_t room, int flags, __SOCKADDR_ARG address,
		       socklen_t *__restrict length);

int pidfd_getfd(int pidfd, int fd, unsigned int flags);

#endif
