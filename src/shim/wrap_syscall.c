/*
 * syscall() and prctl(): programs that go around libc's names. Everything is
 * handed on as it is; what it did is learned afterwards.
 */
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "shim/blind.h"
#include "shim/closing.h"
#include "shim/copying.h"
#include "shim/ends.h"
#include "shim/in_use.h"
#include "shim/lifecycle.h"
#include "shim/stack.h"
#include "shim/wrap.h"

/* Without a filter it fails: so libraries ask what the kernel can do. */
static bool begins_sandbox(long mode, long strict, long filtered, long filter)
{
	return (mode == strict || (mode == filtered && filter != 0)) &&
	       process_owns_memory();
}

/*
 * The sandbox begins with the call: speak before it, be silent from then on.
 * The filter may be in force for other threads before the call returns.
 */
static void sandbox_begins(void)
{
	if (process_sandboxed())
		return;
	blind_sandbox();
	sock_reserve();
	stack_reserve();
	ends_reserve();
	atomic_store(&process_in_sandbox, true);
	sock_end_credit();
}

/* An earlier filter stays in force when a further one is refused. */
static void sandbox_done(bool installed)
{
	static _Atomic bool filtered;

	if (installed) {
		atomic_store(&filtered, true);
		/* What another thread was given meanwhile. */
		sock_end_credit();
	} else if (!atomic_load(&filtered)) {
		atomic_store(&process_in_sandbox, false);
		blind_sandbox_refused();
	}
}

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list list;
	int result;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(list, unsigned long);
	va_end(list);
	if (option != PR_SET_SECCOMP ||
	    !begins_sandbox((long)a[0], SECCOMP_MODE_STRICT,
			    SECCOMP_MODE_FILTER, (long)a[1]))
		return real_calls()->prctl(option, a[0], a[1], a[2], a[3]);
	sandbox_begins();
	result = real_calls()->prctl(option, a[0], a[1], a[2], a[3]);
	sandbox_done(result == 0);
	return result;
}

static enum call name_of(long number)
{
	switch (number) {
	case SYS_socket:
		return CALL_socket;
	case SYS_bind:
		return CALL_bind;
	case SYS_listen:
		return CALL_listen;
	case SYS_connect:
		return CALL_connect;
	case SYS_accept:
	case SYS_accept4:
		return CALL_accept4;
	case SYS_shutdown:
		return CALL_shutdown;
	case SYS_setsockopt:
		return CALL_setsockopt;
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
		return CALL_read;
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
		return CALL_write;
	default:
		return CALL_syscall;
	}
}

/* What happened, for the calls that need nothing before they are made. */
static void after(long number, const long *a, const struct sight *sight)
{
	int fd = (int)a[0];
	uint64_t ref;

	switch (number) {
	case SYS_socket:
		seen_socket(fd, (int)a[1], (int)a[2], sight);
		break;
	case SYS_bind:
		seen_bind(fd, (const struct sockaddr *)a[1], (socklen_t)a[2],
			  sight);
		break;
	case SYS_listen:
		seen_listen(fd, (int)a[1], sight);
		break;
	case SYS_connect:
		seen_connect(fd, (const struct sockaddr *)a[1], (socklen_t)a[2],
			     sight);
		break;
	case SYS_accept:
	case SYS_accept4:
		seen_accept(fd, NULL, sight);
		break;
	case SYS_shutdown:
		seen_shutdown(fd, (int)a[1], sight);
		break;
	case SYS_setsockopt:
		seen_setsockopt(fd, (int)a[1], (int)a[2], (const void *)a[3],
				(socklen_t)a[4], sight);
		break;
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
		ref = table_find(fd);
		if (ref && (sight->result <= 0 || observe_wants_read(ref)))
			observe_read(fd, ref, sight);
		break;
	case SYS_pidfd_getfd:
		if (sight->result >= 0)
			seen_arrived((int)sight->result);
		break;
	case SYS_io_uring_setup:
		if (sight->result >= 0)
			blind_io_uring();
		break;
	default:
		break;
	}
}

/*
 * Calls that end a descriptor or copy one. libuv closes by SYS_close. The real
 * call stays the one that the program made: close() would be a cancellation
 * point where syscall() is none.
 */
static long closes(long number, const long *a, const void *place)
{
	enum call call = number == SYS_close ? CALL_close : CALL_close_range;
	struct sight sight = { .call = call, .place = place };
	unsigned int last = number == SYS_close ? (unsigned int)a[0]
						: (unsigned int)a[1];
	uint32_t list = 0;
	long result;

	if (number == SYS_close) {
		check_number((int)a[0], CALL_close, place);
		closing_note((int)a[0]);
	}
	if (number == SYS_close_range && (int)a[2] & (int)CLOSE_RANGE_UNSHARE)
		process_forking();
	/* Else it fails, or only marks the descriptors. */
	if (number == SYS_close || !((int)a[2] & ~(int)CLOSE_RANGE_UNSHARE))
		list = closing_begin_range((unsigned int)a[0], last, &sight);
	result = real_calls()->syscall(number, a[0], a[1], a[2], a[3], a[4],
				       a[5]);
	sight = sight_of(call, result, place);
	closing_end_range((unsigned int)a[0], last, list, &sight);
	return result;
}

/* dup2 and dup3 close their target. */
static bool replaces(long number, const long *a)
{
	if (number == SYS_dup3 && (int)a[2] & ~O_CLOEXEC)
		return false;
	return number != SYS_dup && number != SYS_fcntl;
}

static long copies(long number, const long *a, const void *place)
{
	struct sight sight = { .call = CALL_dup2, .place = place };
	uint64_t copied;
	uint64_t closed = 0;
	long result;

	check_number((int)a[0], replaces(number, a) ? CALL_dup2 : CALL_dup,
		     place);
	copied = seen_dup_begin((int)a[0]);
	if (replaces(number, a))
		closed = closing_begin_replaced((int)a[0], (int)a[1], &sight);
	result = real_calls()->syscall(number, a[0], a[1], a[2], a[3], a[4],
				       a[5]);
	sight = sight_of(replaces(number, a) ? CALL_dup2 : CALL_dup, result,
			 place);
	if (replaces(number, a) && result < 0)
		closing_undo((int)a[1], closed);
	else if (replaces(number, a))
		closing_end((int)a[1], closed, &sight);
	if (copied)
		seen_dup((int)a[0], copied, &sight);
	else if (result >= 0)
		seen_foreign((int)result);
	return result;
}

static bool is_copy(long number, const long *a)
{
#ifdef SYS_dup2
	if (number == SYS_dup2)
		return a[0] != a[1];
#endif
	if (number == SYS_fcntl)
		return a[1] == F_DUPFD || a[1] == F_DUPFD_CLOEXEC;
	return number == SYS_dup || number == SYS_dup3;
}

static bool is_fork(long number)
{
#ifdef SYS_fork
	if (number == SYS_fork || number == SYS_vfork)
		return true;
#endif
	return number == SYS_clone || number == SYS_clone3 ||
	       number == SYS_unshare;
}

/* unshare(), and setns() where type 0 is of whatever kind. */
static bool leaves_network(long number, const long *a)
{
	if (number == SYS_setns)
		return (int)a[1] == 0 || a[1] & CLONE_NEWNET;
	return number == SYS_unshare && a[0] & CLONE_NEWNET;
}

/* Returns twice. (The flags of clone3() are in memory of the caller.) */
static long clone_into_network(const long *a)
{
	long result;

	process_child_leaves_network(true);
	result = real_calls()->syscall(SYS_clone, a[0], a[1], a[2], a[3], a[4],
				       a[5]);
	if (result == 0)
		process_owns_memory();
	process_child_leaves_network(false);
	return result;
}

static long leave_network(long number, const long *a)
{
	long result;

	observe_leaving_network(number == SYS_setns ? CALL_setns
						    : CALL_unshare);
	result = real_calls()->syscall(number, a[0], a[1], a[2], a[3], a[4],
				       a[5]);
	if (result == 0)
		observe_left_network();
	return result;
}

static long seccomp(const long *a)
{
	long result;

	sandbox_begins();
	result = real_calls()->syscall(SYS_seccomp, a[0], a[1], a[2], a[3],
				       a[4], a[5]);
	/* With TSYNC a thread that could not follow is a refusal too. */
	sandbox_done(result == 0 ||
		     (result > 0 && a[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER));
	return result;
}

long syscall(long number, ...)
{
	const void *place = RETURN_ADDRESS;
	int errno_before = errno;
	struct sight sight;
	va_list list;
	long result;
	long a[6];

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_close || number == SYS_close_range)
		return closes(number, a, place);
	if (is_copy(number, a))
		return copies(number, a, place);
	if (is_fork(number)) {
		process_lending();
		process_forking();
	}
	if (number == SYS_clone && a[0] & CLONE_NEWNET)
		return clone_into_network(a);
	if (leaves_network(number, a))
		return leave_network(number, a);
	if (number == SYS_seccomp &&
	    begins_sandbox(a[0], SECCOMP_SET_MODE_STRICT,
			   SECCOMP_SET_MODE_FILTER, a[2]))
		return seccomp(a);
	result = real_calls()->syscall(number, a[0], a[1], a[2], a[3], a[4],
				       a[5]);
	if (name_of(number) == CALL_syscall && number != SYS_pidfd_getfd &&
	    number != SYS_io_uring_setup)
		return result;
	sight = sight_of(name_of(number), result, place);
	if (number == SYS_bind)
		sight.result =
			in_use_bind((int)a[0], (const struct sockaddr *)a[1],
				    (socklen_t)a[2], &sight, errno_before);
	if (number == SYS_listen)
		in_use_listen((int)a[0], &sight);
	after(number, a, &sight);
	return sight.result;
}
