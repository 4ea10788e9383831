#include <stdarg.h>

#include "shim/lifecycle.h"
#include "shim/wrap.h"

int getsockopt(int fd, int level, int name, void *__restrict value,
	       socklen_t *__restrict length)
{
	struct sight sight;
	int result;

	if (!followed(fd, CALL_getsockopt, RETURN_ADDRESS))
		return real_calls()->getsockopt(fd, level, name, value, length);
	result = real.getsockopt(fd, level, name, value, length);
	sight = sight_of(CALL_getsockopt, result, RETURN_ADDRESS);
	seen_getsockopt(fd, level, name, value, length, &sight);
	return result;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	struct sight sight;
	int result;

	if (!followed(fd, CALL_setsockopt, RETURN_ADDRESS))
		return real_calls()->setsockopt(fd, level, name, value, length);
	result = real.setsockopt(fd, level, name, value, length);
	sight = sight_of(CALL_setsockopt, result, RETURN_ADDRESS);
	seen_setsockopt(fd, level, name, value, length, &sight);
	return result;
}

int getsockname(int fd, __SOCKADDR_ARG address, socklen_t *__restrict length)
{
	struct sight sight;
	int result;

	if (!followed(fd, CALL_getsockname, RETURN_ADDRESS))
		return real_calls()->getsockname(fd, address, length);
	result = real.getsockname(fd, address, length);
	sight = sight_of(CALL_getsockname, result, RETURN_ADDRESS);
	seen_other(fd, &sight);
	return result;
}

int getpeername(int fd, __SOCKADDR_ARG address, socklen_t *__restrict length)
{
	struct sight sight;
	int result;

	if (!followed(fd, CALL_getpeername, RETURN_ADDRESS))
		return real_calls()->getpeername(fd, address, length);
	result = real.getpeername(fd, address, length);
	sight = sight_of(CALL_getpeername, result, RETURN_ADDRESS);
	seen_other(fd, &sight);
	return result;
}

/* Every request has at most one argument, no wider than a pointer. */
int ioctl(int fd, unsigned long request, ...)
{
	struct sight sight;
	va_list list;
	void *argument;
	int result;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (!followed(fd, CALL_ioctl, RETURN_ADDRESS))
		return real_calls()->ioctl(fd, request, argument);
	result = real.ioctl(fd, request, argument);
	sight = sight_of(CALL_ioctl, result, RETURN_ADDRESS);
	seen_other(fd, &sight);
	return result;
}
