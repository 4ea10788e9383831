/*
 * The input is what the kernel answers on a netlink socket: two bytes of length
 * before each datagram. The system calls under kernel/diag.c are replaced.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "fuzz/fuzz.h"

/* In place of kernel/raw.h. */
#define KERNEL_RAW_H

static const uint8_t *next;
static size_t unread;

/* One datagram, cut to the room there is; past the last one an error. */
static long answer(void *buffer, size_t size)
{
	size_t length;

	if (unread < 2)
		return -ENOBUFS;
	length = (size_t)next[0] << 8 | next[1];
	next += 2;
	unread -= 2;
	if (length > unread)
		length = unread;
	if (size > length)
		size = length;
	memcpy(buffer, next, size);
	next += length;
	unread -= length;
	return (long)size;
}

static long raw_call6(long number, long a, long b, long c, long d, long e,
		      long f)
{
	(void)a;
	(void)d;
	(void)e;
	(void)f;
	return number == SYS_recvfrom ? answer((void *)b, (size_t)c) : c;
}

static long raw_call3(long number, long a, long b, long c)
{
	(void)number;
	(void)a;
	(void)b;
	(void)c;
	return 100;
}

static long raw_close(int fd)
{
	return fd;
}

#include "../../src/kernel/diag.c"

/* Any row can be printed; four are wanted. */
static bool each_row(const struct diag_row *row, void *argument)
{
	unsigned int *count = argument;
	char space[128];
	struct text text;

	text_begin(&text, space, sizeof(space));
	text_add_address(&text, &row->local);
	text_add_address(&text, &row->peer);
	if (row->state >= ST_COUNT)
		abort();
	return ++*count < 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static _Alignas(struct nlmsghdr) char reply[DIAG_REPLY_SIZE];
	struct address address = { .port = 5188, .family = AF_INET };
	struct diag_row row;
	unsigned int count = 0;

	next = bytes;
	unread = size;
	memset(reply, 0, sizeof(reply));
	if (diag_find(&address, &address, &row) == 1)
		each_row(&row, &count);
	count = 0;
	diag_port(5188, DIAG_ALL, each_row, &count, reply);
	return 0;
}
