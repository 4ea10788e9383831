/*
 * Each wrapped call that takes a descriptor, once, with a place of its own: so
 * that it can be made on any number, and told from the others in the log.
 */
#ifndef PROGRAMS_OTHERS_H
#define PROGRAMS_OTHERS_H

#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "torture.h"

ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *,
		       socklen_t *);

/* What a call has come to; set so that no call below is its function's last. */
static long result;
static int error;

static char got[64];
static char sent[] = "abcdef";
static struct sockaddr_storage address;
static socklen_t length;
static int text_file;
static int pipes[2];
static off64_t offset;

static struct iovec into[] = { { got, 2 }, { NULL, 0 }, { got + 2, 4 } };
static struct iovec from[] = { { sent, 2 }, { NULL, 0 }, { sent + 2, 3 } };
static struct msghdr incoming = { .msg_iov = into, .msg_iovlen = 3 };
static struct msghdr outgoing = { .msg_iov = from, .msg_iovlen = 3 };
static struct mmsghdr incomings[2];
static struct mmsghdr outgoings[2];
static int value;

struct caller {
	const char *title;
	const char *name; /* in the log */
	void (*call)(int fd);
};

#define READERS(X)                                                            \
	X(read, read, read(fd, got, 8))                                       \
	X(read_nothing, read, read(fd, got, 0))                               \
	X(__read_chk, __read_chk, __read_chk(fd, got, 8, sizeof(got)))        \
	X(readv, readv, readv(fd, into, 3))                                   \
	X(readv_too_many, readv, readv(fd, into, IOV_MAX + 1))                \
	X(preadv2, preadv2, preadv2(fd, into, 3, -1, 0))                      \
	X(preadv2_at, preadv2, preadv2(fd, into, 3, 1, 0))                    \
	X(preadv64v2, preadv64v2, preadv64v2(fd, into, 3, -1, 0))             \
	X(preadv64v2_at, preadv64v2, preadv64v2(fd, into, 3, 2, 0))           \
	X(recv, recv, recv(fd, got, 8, MSG_DONTWAIT))                         \
	X(__recv_chk, __recv_chk, __recv_chk(fd, got, 8, sizeof(got), 0))     \
	X(recvfrom, recvfrom,                                                 \
	  recvfrom(fd, got, 8, 0, (struct sockaddr *)&address, &length))      \
	X(recvfrom_anyone, recvfrom, recvfrom(fd, got, 8, 0, NULL, NULL))     \
	X(__recvfrom_chk, __recvfrom_chk,                                     \
	  __recvfrom_chk(fd, got, 8, sizeof(got), 0,                          \
			 (struct sockaddr *)&address, &length))               \
	X(recvmsg, recvmsg, recvmsg(fd, &incoming, 0))                        \
	X(recvmmsg, recvmmsg, recvmmsg(fd, incomings, 2, MSG_DONTWAIT, NULL)) \
	X(splice_in, splice,                                                  \
	  splice(fd, NULL, pipes[1], NULL, 4, SPLICE_F_NONBLOCK))

#define WRITERS(X)                                                       \
	X(write, write, write(fd, sent, 5))                              \
	X(write_nothing, write, write(fd, sent, 0))                      \
	X(write_from_nowhere, write, write(fd, (void *)1, 1))            \
	X(writev, writev, writev(fd, from, 3))                           \
	X(writev_nothing, writev, writev(fd, from + 1, 1))               \
	X(writev_no_parts, writev, writev(fd, from, 0))                  \
	X(writev_too_many, writev, writev(fd, from, IOV_MAX + 1))        \
	X(pwritev2, pwritev2, pwritev2(fd, from, 3, -1, 0))              \
	X(pwritev2_at, pwritev2, pwritev2(fd, from, 3, 1, 0))            \
	X(pwritev64v2, pwritev64v2, pwritev64v2(fd, from, 3, -1, 0))     \
	X(pwritev64v2_at, pwritev64v2, pwritev64v2(fd, from, 3, 2, 0))   \
	X(send, send, send(fd, sent, 4, MSG_DONTWAIT))                   \
	X(send_nothing, send, send(fd, sent, 0, MSG_NOSIGNAL))           \
	X(sendto, sendto, sendto(fd, sent, 3, 0, NULL, 0))               \
	X(sendmsg, sendmsg, sendmsg(fd, &outgoing, 0))                   \
	X(sendmmsg, sendmmsg, sendmmsg(fd, outgoings, 2, 0))             \
	X(sendfile, sendfile, sendfile(fd, text_file, NULL, 4))          \
	X(sendfile64, sendfile64, sendfile64(fd, text_file, &offset, 4)) \
	X(splice_out, splice,                                            \
	  splice(pipes[0], NULL, fd, NULL, 3, SPLICE_F_NONBLOCK))

/* Those that close nothing, and copy nothing. */
#define ASKERS(X)                                                          \
	X(getsockopt, getsockopt,                                          \
	  getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length))            \
	X(setsockopt, setsockopt,                                          \
	  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value))) \
	X(getsockname, getsockname,                                        \
	  getsockname(fd, (struct sockaddr *)&address, &length))           \
	X(getpeername, getpeername,                                        \
	  getpeername(fd, (struct sockaddr *)&address, &length))           \
	X(ioctl, ioctl, ioctl(fd, FIONREAD, &value))                       \
	X(bind, bind, bind(fd, (struct sockaddr *)&address, 1))            \
	X(bindresvport, bindresvport,                                      \
	  bindresvport(fd, &(struct sockaddr_in){ .sin_family = 99 }))     \
	X(listen, listen, listen(fd, 1))                                   \
	X(accept, accept, accept(fd, NULL, NULL))                          \
	X(accept4, accept4, accept4(fd, NULL, NULL, SOCK_CLOEXEC))         \
	X(connect, connect, connect(fd, (struct sockaddr *)&address, 1))   \
	X(shutdown, shutdown, shutdown(fd, 9))

/* Those that would copy it, or say what else becomes of it. */
#define COPIERS(X)                                                 \
	X(dup, dup, dup(fd))                                       \
	X(dup2, dup2, dup2(fd, 40))                                \
	X(dup3, dup3, dup3(fd, 40, O_CLOEXEC))                     \
	X(fcntl_copy, fcntl, fcntl(fd, F_DUPFD, 40))               \
	X(fcntl_flags, fcntl, fcntl(fd, F_SETFL, 0))               \
	X(fcntl_no_wait, fcntl, fcntl(fd, F_SETFL, O_NONBLOCK))    \
	X(fcntl64_copy, fcntl64, fcntl64(fd, F_DUPFD_CLOEXEC, 40)) \
	X(fcntl64_flags, fcntl64, fcntl64(fd, F_SETFL, 0))         \
	X(fdopen, fdopen, fdopen(fd, "r") ? 0 : -1)                \
	X(syscall_dup, dup, syscall(SYS_dup, fd))                  \
	X(syscall_dup3, dup2, syscall(SYS_dup3, fd, 40, 0))

#define CALLER(title, name, expression)      \
	static void by_##title(int fd)       \
	{                                    \
		errno = 77;                  \
		result = (long)(expression); \
		error = errno;               \
	}
#define ROW(title, name, expression) { #title, #name, by_##title },

READERS(CALLER)
WRITERS(CALLER)
ASKERS(CALLER)
COPIERS(CALLER)

static const struct caller readers[] = { READERS(ROW) };
static const struct caller writers[] = { WRITERS(ROW) };
static const struct caller askers[] = { ASKERS(ROW) };
static const struct caller copiers[] = { COPIERS(ROW) };

#define EACH(caller, list)                       \
	for (const struct caller *caller = list; \
	     caller < list + SCENARIO_COUNT(list); caller++)

/* The files that the calls need: fresh ones, so that each has the same. */
static inline void prepare(void)
{
	memset(got, '.', sizeof(got));
	memset(&address, 0, sizeof(address));
	length = sizeof(address);
	incoming.msg_flags = 0;
	for (int i = 0; i < 2; i++) {
		incomings[i] = (struct mmsghdr){ .msg_hdr = incoming };
		outgoings[i] = (struct mmsghdr){ .msg_hdr = outgoing };
	}
	if (text_file == 0) {
		text_file = memfd_create("text", MFD_CLOEXEC);
		CHECK(write(text_file, "the text", 8) == 8);
		CHECK(pipe2(pipes, O_NONBLOCK) == 0);
		CHECK(fcntl(pipes[1], F_SETPIPE_SZ, 4096) > 0);
	}
	CHECK(lseek(text_file, 1, SEEK_SET) == 1);
	offset = 2;
	value = 0;
	/* What the last one has left in the pipe, and three bytes for splice. */
	while (raw_syscall(SYS_read, pipes[0], (long)(char[64]){ 0 }, 64) > 0)
		;
	CHECK(write(pipes[1], "pip", 3) == 3);
}

/* All that it came to, but for what chance decides. */
static inline void make(const struct caller *caller, int fd)
{
	prepare();
	caller->call(fd);
	printf("%s = %ld %d, %.16s, family %d, %u + %u bytes, flags %x, "
	       "offset %ld, value %d\n",
	       caller->title, result, error, got, address.ss_family,
	       incomings[0].msg_len + outgoings[0].msg_len,
	       incomings[1].msg_len + outgoings[1].msg_len, incoming.msg_flags,
	       (long)offset, value);
}

#endif
