#include "kernel/route.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/borrow.h"
#include "kernel/raw.h"
#include "kernel/socket.h"

static long connect_to(long fd, const struct address *peer)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(peer->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(peer->port) };

	if (peer->family == AF_INET) {
		memcpy(&in.sin_addr, peer->bytes, sizeof(in.sin_addr));
		return raw_call3(SYS_connect, fd, (long)&in, sizeof(in));
	}
	memcpy(&in6.sin6_addr, peer->bytes, sizeof(in6.sin6_addr));
	return raw_call3(SYS_connect, fd, (long)&in6, sizeof(in6));
}

void route_source(const struct address *peer, struct address *source)
{
	uint64_t mask = borrow_begin();
	long fd = raw_call3(SYS_socket, peer->family, SOCK_DGRAM | SOCK_CLOEXEC,
			    0);

	source->family = 0;
	if (fd >= 0) {
		if (connect_to(fd, peer) == 0)
			kernel_socket_local((int)fd, source);
		raw_close((int)fd);
	}
	borrow_end(mask);
}
