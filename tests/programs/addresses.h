/* Addresses of this machine, and what is done with them. */
#ifndef PROGRAMS_ADDRESSES_H
#define PROGRAMS_ADDRESSES_H

#include "pair.h"

static inline void set_option(int fd, int level, int name, int value)
{
	CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

/* 127.0.0.LAST */
static inline struct sockaddr_in numbered(int last, int port)
{
	struct sockaddr_in address = loopback(port);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)last);
	return address;
}

static inline int bind_to(int fd, const struct sockaddr_in *address)
{
	return bind(fd, (const struct sockaddr *)address, sizeof(*address));
}

static inline int bind_to_six(int fd, const struct in6_addr *address, int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port),
				    .sin6_addr = *address };

	return bind(fd, (struct sockaddr *)&six, sizeof(six));
}

static inline struct in6_addr mapped_loopback(void)
{
	return (struct in6_addr){
		.s6_addr = { [10] = 255, [11] = 255, [12] = 127, [15] = 1 }
	};
}

#endif
