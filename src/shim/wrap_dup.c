#include <stdarg.h>

#include "shim/closing.h"
#include "shim/copying.h"
#include "shim/lifecycle.h"
#include "shim/wrap.h"

/* After a call that made `result` a second number of a socket, or of a file. */
static void dup_done(int fd, uint64_t ref, enum call call, int result,
		     const void *place)
{
	struct sight sight = sight_of(call, result, place);

	if (ref)
		seen_dup(fd, ref, &sight);
	else if (result >= 0)
		seen_foreign(result);
}

/* The reference to hold on to meanwhile; a number that was closed is judged. */
static uint64_t dup_begin(int fd, enum call call, const void *place)
{
	check_number(fd, call, place);
	return seen_dup_begin(fd);
}

int dup(int fd)
{
	uint64_t ref = dup_begin(fd, CALL_dup, RETURN_ADDRESS);
	int result = real_calls()->dup(fd);

	dup_done(fd, ref, CALL_dup, result, RETURN_ADDRESS);
	return result;
}

static void replace_done(int from, uint64_t copied, int to, uint64_t closed,
			 enum call call, int result, const void *place)
{
	struct sight sight = sight_of(call, result, place);

	if (result < 0)
		closing_undo(to, closed);
	else
		closing_end(to, closed, &sight);
	dup_done(from, copied, call, result, place);
}

int dup2(int from, int to)
{
	struct sight sight = { .call = CALL_dup2, .place = RETURN_ADDRESS };
	uint64_t copied;
	uint64_t closed;
	int result;

	if (from == to)
		return real_calls()->dup2(from, to);
	copied = dup_begin(from, CALL_dup2, sight.place);
	closed = closing_begin_replaced(from, to, &sight);
	result = real_calls()->dup2(from, to);
	replace_done(from, copied, to, closed, CALL_dup2, result, sight.place);
	return result;
}

int __dup2(int from, int to) __attribute__((alias("dup2")));

int dup3(int from, int to, int flags)
{
	struct sight sight = { .call = CALL_dup3, .place = RETURN_ADDRESS };
	uint64_t copied;
	uint64_t closed;
	int result;

	if (from == to || flags & ~O_CLOEXEC)
		return real_calls()->dup3(from, to, flags);
	copied = dup_begin(from, CALL_dup3, sight.place);
	closed = closing_begin_replaced(from, to, &sight);
	result = real_calls()->dup3(from, to, flags);
	replace_done(from, copied, to, closed, CALL_dup3, result, sight.place);
	return result;
}

static bool copies(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

/*
 * Its flags are how a program asks whether a number is taken, and how it marks
 * all that there are: that is no use of a socket.
 */
static void check_command(int fd, int command, enum call call,
			  const void *place)
{
	if (command != F_GETFD && command != F_SETFD && command != F_GETFL)
		check_number(fd, call, place);
}

/* Every command has at most one argument, no wider than a pointer. */
int fcntl(int fd, int command, ...)
{
	uint64_t ref = 0;
	va_list list;
	void *argument;
	int result;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	check_command(fd, command, CALL_fcntl, RETURN_ADDRESS);
	if (!copies(command))
		return real_calls()->fcntl(fd, command, argument);
	ref = seen_dup_begin(fd);
	result = real_calls()->fcntl(fd, command, argument);
	dup_done(fd, ref, CALL_fcntl, result, RETURN_ADDRESS);
	return result;
}

int __fcntl(int fd, int command, ...) __attribute__((alias("fcntl")));

int fcntl64(int fd, int command, ...)
{
	uint64_t ref = 0;
	va_list list;
	void *argument;
	int result;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	check_command(fd, command, CALL_fcntl64, RETURN_ADDRESS);
	if (!copies(command))
		return real_calls()->fcntl64(fd, command, argument);
	ref = seen_dup_begin(fd);
	result = real_calls()->fcntl64(fd, command, argument);
	dup_done(fd, ref, CALL_fcntl64, result, RETURN_ADDRESS);
	return result;
}

FILE *fdopen(int fd, const char *mode)
{
	uint64_t ref = followed(fd, CALL_fdopen, RETURN_ADDRESS);
	FILE *result = real_calls()->fdopen(fd, mode);

	if (result && ref)
		sock_flag(ref, SOCK_STDIO, 0);
	return result;
}

/* A socket of another process, shared with it from here on. */
int pidfd_getfd(int pidfd, int fd, unsigned int flags)
{
	int result = real_calls()->pidfd_getfd(pidfd, fd, flags);

	if (result >= 0)
		seen_arrived(result);
	return result;
}
