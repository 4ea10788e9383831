#include "shim/copying.h"

#include "kernel/socket.h"
#include "shim/blind.h"
#include "shim/closing.h"
#include "shim/lifecycle.h"
#include "shim/process.h"

/*
 * Of what a program sends, many kinds of socket never read a byte: the parts
 * may have any length.
 */
static void each_passed(const struct msghdr *message, void (*each)(int fd))
{
	struct msghdr copy = *message;
	const char *end = (const char *)copy.msg_control + copy.msg_controllen;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(&copy); part;
	     part = CMSG_NXTHDR(&copy, part)) {
		const int *fds = (const void *)CMSG_DATA(part);
		size_t count;

		if (part->cmsg_len < CMSG_LEN(0) ||
		    part->cmsg_len > (size_t)(end - (const char *)part))
			return;
		if (part->cmsg_level != SOL_SOCKET ||
		    part->cmsg_type != SCM_RIGHTS)
			continue;
		count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++)
			each(fds[i]);
	}
}

void seen_arrived(int fd)
{
	struct sight sight = { .result = fd };
	uint64_t ref = 0;

	seen_foreign(fd);
	if (process_sandboxed() || !process_owns_memory())
		return;
	if (kernel_socket_kind(fd) == KERNEL_TCP)
		ref = observe_known(fd);
	if (ref)
		seen_dup(fd, ref, &sight);
	else
		observe_find(fd);
}

static void mark_passed(int fd)
{
	uint64_t ref = table_find(fd);

	if (ref)
		sock_flag(ref, SOCK_PASSED, 0);
}

void seen_received(const struct msghdr *message)
{
	each_passed(message, seen_arrived);
}

void seen_sent(const struct msghdr *message)
{
	each_passed(message, mark_passed);
}

uint64_t seen_dup_begin(int fd)
{
	uint64_t ref = table_find(fd);

	if (!ref || !process_owns_memory() || !sock_hold(ref))
		return 0;
	sock_flag(ref, SOCK_COPIED, 0);
	sock_flag(ref, SOCK_USED, 0);
	return ref;
}

/*
 * Of two threads that dup2() onto one number, the one that came last at the
 * kernel need not have come last at the table.
 */
static bool came_first(int copy, uint64_t ref, uint64_t old)
{
	return !process_sandboxed() &&
	       sock_of(old)->cookie != sock_of(ref)->cookie &&
	       kernel_socket_cookie(copy) == sock_of(old)->cookie &&
	       table_swap(copy, ref, old);
}

void seen_dup(int fd, uint64_t ref, const struct sight *sight)
{
	int copy = (int)sight->result;
	uint64_t old;
	bool done;

	if (copy < 0) {
		/* The original was closed meanwhile: we were the last. */
		if (sock_release(ref))
			closing_end(fd, ref, sight);
		return;
	}
	old = table_put(copy, ref, &done);
	if (old && came_first(copy, ref, old))
		observe_replaced(ref, sight);
	else if (old)
		observe_succeeded(old, sock_of(ref)->cookie);
	if (done)
		return;
	/* It lives on at a number that is not followed. */
	blind_count(BLIND_NO_MEMORY);
	sock_flag(ref, SOCK_PASSED, 0);
	if (sock_release(ref))
		closing_end(fd, ref, sight);
}
