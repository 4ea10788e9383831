/* How sockets come to be followed, and how they are given up for others. */
#include "kernel/diag.h"
#include "kernel/socket.h"
#include "shim/blind.h"
#include "shim/ends.h"
#include "shim/observe.h"
#include "shim/process.h"
#include "shim/stack.h"

void observe_succeeded(uint64_t old, uint64_t cookie, const struct sight *sight)
{
	if (cookie == 0 || sock_of(old)->cookie != cookie)
		observe_replaced(old, sight);
	else if (sock_release(old))
		sock_free(old);
}

static uint64_t new_record(int fd, uint64_t cookie, enum tcp_state state)
{
	uint64_t ref = sock_create(cookie, state);

	if (ref)
		sock_set(sock_of(ref), fd, fd);
	else
		blind_count(BLIND_NO_MEMORY);
	return ref;
}

uint64_t observe_birth(int fd, enum tcp_state state, const void *place)
{
	struct sight sight = { .call = CALL_NONE };
	uint64_t cookie;
	uint64_t ref;
	uint64_t old;
	bool done;

	/* A child that runs on its parent's memory has a table of its own. */
	if (!process_owns_memory())
		return 0;
	cookie = process_sandboxed() ? 0 : kernel_socket_cookie(fd);
	ref = new_record(fd, cookie, state);
	if (!ref)
		return 0;
	sock_set(sock_of(ref), born, stack_brief(place));
	old = table_put(fd, ref, &done);
	if (old)
		observe_succeeded(old, cookie, &sight);
	if (done)
		return ref;
	blind_count(BLIND_NO_MEMORY);
	sock_free(ref);
	return 0;
}

/* One reference less to a record that was to be put into the table. */
static void drop(uint64_t ref, bool fresh)
{
	struct sight sight = { .call = CALL_NONE };

	if (fresh)
		sock_free(ref);
	else
		observe_replaced(ref, &sight);
}

/*
 * Puts the record of a socket that was come upon into the table. Its number may
 * have changed hands since we looked: whoever got it from the kernel, and
 * follows it, is right.
 */
static uint64_t settle(int fd, uint64_t ref, bool fresh)
{
	bool done;

	if (!table_offer(fd, ref, &done)) {
		if (!done)
			blind_count(BLIND_NO_MEMORY);
		/* Another thread has come upon it at the same time. */
		if (!fresh && table_find(fd) == ref) {
			if (sock_release(ref))
				sock_free(ref);
			return ref;
		}
		drop(ref, fresh);
		return table_find(fd);
	}
	if (kernel_socket_cookie(fd) == sock_of(ref)->cookie ||
	    !table_remove(fd, ref))
		return ref;
	drop(ref, fresh);
	return 0;
}

uint64_t observe_known(uint64_t cookie)
{
	int highest = table_highest();

	for (int fd = -TABLE_HANDS; fd <= highest; fd++) {
		uint64_t ref = fd < 0 ? table_in_hand(fd + TABLE_HANDS)
				      : table_find(fd);

		if (ref && sock_of(ref)->cookie == cookie)
			return ref;
	}
	return 0;
}

static uint64_t hold_known(uint64_t cookie)
{
	uint64_t ref = cookie ? observe_known(cookie) : 0;

	if (!ref || !sock_hold(ref))
		return 0;
	sock_flag(ref, SOCK_COPIED, 0);
	return ref;
}

/* The namespace of this process; 0: not asked since it went there. */
static _Atomic uint64_t network;

void observe_forget_network(void)
{
	atomic_store(&network, 0);
}

/* Where no lookup of ours reaches. */
static bool is_elsewhere(int fd)
{
	uint64_t there = kernel_socket_namespace(fd);
	uint64_t here = atomic_load(&network);

	if (there != 0 && here == 0) {
		here = diag_namespace();
		atomic_store(&network, here);
	}
	return there != 0 && here != 0 && there != here;
}

uint64_t observe_adopt(int fd)
{
	enum kernel_kind kind;
	enum tcp_state state;
	uint64_t cookie;
	uint64_t ref;

	if (process_sandboxed())
		return 0;
	kind = kernel_socket_kind(fd);
	if (kind == KERNEL_MPTCP)
		blind_mptcp();
	if (kind != KERNEL_TCP || !process_owns_memory())
		return 0;
	cookie = kernel_socket_cookie(fd);
	state = kernel_socket_state(fd, NULL);
	if (state == ST_UNKNOWN)
		return 0;
	/* Copied by a call that was not seen, or has not told it yet. */
	ref = hold_known(cookie);
	if (ref)
		return settle(fd, ref, false);
	ghost_silence(cookie);
	ref = new_record(fd, cookie, state);
	if (!ref)
		return 0;
	/* What was set before we saw it, and matters at its close. */
	sock_flag(ref,
		  SOCK_PASSED |
			  (kernel_socket_resets(fd) ? SOCK_LINGER_RESET : 0) |
			  (is_elsewhere(fd) ? SOCK_ELSEWHERE : 0),
		  0);
	observe_names(fd, ref);
	ref = settle(fd, ref, true);
	/* And one that became a ghost since. */
	ghost_silence(cookie);
	return ref;
}

uint64_t observe_find(int fd)
{
	uint64_t ref = table_find(fd);

	return ref ? ref : observe_adopt(fd);
}

void observe_replaced(uint64_t ref, const struct sight *sight)
{
	uint64_t cookie;
	uint64_t word;
	bool copied;

	if (sight->call != CALL_dup2 && sight->call != CALL_dup3)
		blind_count(BLIND_CLOSED_UNSEEN);
	if (!sock_release(ref))
		return;
	if (observe_ghost(ref, sight->call)) {
		sock_free(ref);
		return;
	}
	ends_add(sock_of(ref));
	cookie = sock_of(ref)->cookie;
	copied = sock_load(ref, &word) && word & SOCK_COPIED;
	ghost_add(ref);
	/* It may be here still, and have been come upon already. */
	if (copied && observe_known(cookie))
		ghost_silence(cookie);
}

void observe_vanished(int fd, uint64_t ref, const struct sight *sight)
{
	/*
	 * A child that runs on its parent's memory has another socket there. Of
	 * several threads that notice, one gives the reference up.
	 */
	if (!process_owns_memory() || !table_remove(fd, ref))
		return;
	observe_replaced(ref, sight);
	observe_adopt(fd);
}
