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
	seen_foreign(fd);
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
	seen_used(fd, ref);
	return ref;
}

/*
 * Puts ref at a number of which the kernel has made a copy. Returns what was
 * there, which the hand holds from before it is gone.
 */
static uint64_t displace(int copy, uint64_t ref, _Atomic uint64_t *hand,
			 bool *done)
{
	for (;;) {
		uint64_t entry = table_entry(copy);
		uint64_t old = entry & TABLE_GRAVE ? 0 : entry;

		table_hold_in(hand, old);
		*done = true;
		if (entry != 0 ? table_swap(copy, entry, ref)
			       : table_offer(copy, ref, done))
			return old;
		if (!*done)
			return 0;
	}
}

/*
 * Of threads that dup2() onto one number, the one that came last at the kernel
 * need not have come last at the table. What was displaced is put back if it is
 * what the kernel has there; and so on with what that displaces. Returns what
 * is to be given up in the end, 0: nothing.
 */
static uint64_t set_right(int copy, uint64_t old, _Atomic uint64_t *hand)
{
	enum { TRIES = 8 };
	bool done;

	for (int i = 0; i < TRIES && old && !process_sandboxed(); i++) {
		uint64_t cookie = sock_of(old)->cookie;
		uint64_t there = table_find(copy);

		if (kernel_socket_cookie(copy) != cookie ||
		    (there && sock_of(there)->cookie == cookie))
			break;
		if (there ? !table_swap(copy, there, old)
			  : !table_offer(copy, old, &done))
			continue;
		table_hold_in(hand, there);
		old = there;
	}
	return old;
}

void seen_dup(int fd, uint64_t ref, const struct sight *sight)
{
	int copy = (int)sight->result;
	_Atomic uint64_t *hand;
	uint64_t old;
	bool done;

	if (copy < 0) {
		/* The original was closed meanwhile: we were the last. */
		if (sock_release(ref))
			closing_end(fd, ref, sight);
		return;
	}
	hand = table_take_hand();
	old = set_right(copy, displace(copy, ref, hand, &done), hand);
	if (old) {
		uint64_t there = table_find(copy);

		observe_succeeded(old, there ? sock_of(there)->cookie : 0,
				  sight);
	}
	table_drop_hand(hand);
	if (done)
		return;
	/* It lives on at a number that is not followed. */
	blind_count(BLIND_NO_MEMORY);
	sock_flag(ref, SOCK_PASSED, 0);
	if (sock_release(ref))
		closing_end(fd, ref, sight);
}
