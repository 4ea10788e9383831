/*
 * What the torture programs share. Each scenario prints a text that does not
 * depend on chance, so that the test can compare it with and without the
 * library; what went wrong ends it with a message.
 */
#ifndef PROGRAMS_TORTURE_H
#define PROGRAMS_TORTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "pair.h"

/* How often: a test takes seconds, `make soak` minutes. */
static inline int times(int count)
{
	const char *factor = getenv("TORTURE_FACTOR");

	return count * (factor ? atoi(factor) : 1);
}

/* errno as it is set and read by calls of this program alone. */
#define SHOW(call)                                             \
	do {                                                   \
		errno = 77;                                    \
		long shown_ = (long)(call);                    \
		printf("%s = %ld %d\n", #call, shown_, errno); \
	} while (0)

/* A system call without libc: nothing that wraps names can see it. */
static inline long raw_syscall(long number, long first, long second, long third)
{
	long result = number;

#if defined(__x86_64__)
	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(first), "S"(second), "d"(third)
			 : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = second;
	register long x2 __asm__("x2") = third;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2)
			 : "memory");
	result = x0;
#endif
	return result;
}

static inline long raw_close(int fd)
{
	return raw_syscall(SYS_close, fd, 0, 0);
}

static inline long raw_dup2(int from, int to)
{
	return raw_syscall(SYS_dup3, from, to, 0);
}

/* Written whole, whatever interrupts it. */
static inline void write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t sent = write(fd, data, size);

		if (sent < 0 && errno == EINTR)
			continue;
		CHECK(sent > 0);
		data += sent;
		size -= (size_t)sent;
	}
}

static inline void read_all(int fd, char *data, size_t size)
{
	while (size > 0) {
		ssize_t got = read(fd, data, size);

		if (got < 0 && errno == EINTR)
			continue;
		CHECK(got > 0);
		data += got;
		size -= (size_t)got;
	}
}

/* The bytes of one exchange: every connection has its own. */
static inline void fill(char *data, size_t size, unsigned int seed)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(seed + i * 31 + (i >> 8));
}

/* There and back, and each byte is what it was. */
static inline void exchange(const struct pair *pair, unsigned int seed)
{
	char sent[600];
	char got[600];

	fill(sent, sizeof(sent), seed);
	write_all(pair->client, sent, sizeof(sent));
	read_all(pair->server, got, sizeof(got));
	CHECK(memcmp(sent, got, sizeof(sent)) == 0);
	write_all(pair->server, got, sizeof(got));
	memset(got, 0, sizeof(got));
	read_all(pair->client, got, sizeof(got));
	CHECK(memcmp(sent, got, sizeof(sent)) == 0);
}

static inline void end_pair(const struct pair *pair)
{
	char byte;

	CHECK(close(pair->client) == 0);
	CHECK(read(pair->server, &byte, 1) == 0);
	CHECK(close(pair->server) == 0);
	CHECK(close(pair->listener) == 0);
}

/* A pair whose calls may be interrupted by signals. */
static inline struct pair patient_pair(void)
{
	struct pair pair = { .listener = listener_on(0) };
	struct pollfd writable;

	pair.client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(pair.client >= 0);
	if (connect_to(pair.client, port_of(pair.listener)) < 0) {
		CHECK(errno == EINTR);
		writable =
			(struct pollfd){ .fd = pair.client, .events = POLLOUT };
		while (poll(&writable, 1, 10000) < 0)
			CHECK(errno == EINTR);
	}
	do {
		pair.server = accept(pair.listener, NULL, NULL);
	} while (pair.server < 0 && errno == EINTR);
	CHECK(pair.server >= 0);
	return pair;
}

static inline void run_threads(int count, void *(*body)(void *))
{
	pthread_t threads[32];

	for (long i = 0; i < count; i++)
		CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
	for (int i = 0; i < count; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static inline int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 2000; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#endif
