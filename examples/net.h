/*
 * Loopback sockets for the examples, so that each shows its own mistake and
 * little else. Ports are chosen by the kernel.
 */
#ifndef EXAMPLES_NET_H
#define EXAMPLES_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void check(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static inline struct sockaddr_in local_address(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
}

static inline int local_port(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	check(getsockname(fd, (struct sockaddr *)&address, &length) == 0,
	      "getsockname");
	return ntohs(address.sin_port);
}

static inline int local_bind(int fd, int port)
{
	struct sockaddr_in address = local_address(port);

	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

static inline int local_connect(int fd, int port)
{
	struct sockaddr_in address = local_address(port);

	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

/* Close-on-exec, on a port that the kernel chooses. */
static inline int local_listener(int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(local_bind(fd, 0) == 0, "bind");
	check(listen(fd, backlog) == 0, "listen");
	return fd;
}

static inline int local_client(int listener)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(local_connect(fd, local_port(listener)) == 0, "connect");
	return fd;
}

static inline int local_accept(int listener)
{
	int fd = accept(listener, NULL, NULL);

	check(fd >= 0, "accept");
	return fd;
}

/* Until data, an end or an error has arrived. */
static inline void await(int fd, short events)
{
	struct pollfd wanted = { .fd = fd, .events = events };

	check(poll(&wanted, 1, 10000) == 1, "poll");
}

/* The orderly end: one side closes, the other sees it and closes too. */
static inline void close_both(int first, int second)
{
	char byte;

	close(first);
	while (read(second, &byte, 1) > 0)
		;
	close(second);
}

#endif
