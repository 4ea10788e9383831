#include "kernel/bind.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/borrow.h"
#include "kernel/raw.h"

static void set_option(long fd, int level, int name, int value)
{
	raw_setsockopt((int)fd, level, name, &value, sizeof(value));
}

static long try_on_a_socket(int family, const void *address,
			    unsigned int length, unsigned int options)
{
	long result;
	long fd = raw_call3(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC,
			    IPPROTO_TCP);

	if (fd < 0)
		return fd;
	if (options & BIND_REUSEADDR)
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (options & BIND_REUSEPORT)
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			   (options & BIND_V6ONLY) != 0);
	result = raw_call3(SYS_bind, fd, (long)address, length);
	raw_close((int)fd);
	return result;
}

/* A child that had a copy would keep the port. */
long bind_try(int family, const void *address, unsigned int length,
	      unsigned int options)
{
	uint64_t mask = borrow_begin();
	long result = try_on_a_socket(family, address, length, options);

	borrow_end(mask);
	return result;
}
