/* Two ends of a connection within one process. Ports are the kernel's. */
#ifndef RUNNERS_LOOPBACK_H
#define RUNNERS_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int need(int result, const char *what)
{
	if (result >= 0)
		return result;
	perror(what);
	exit(1);
}

static inline struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static inline int listen_on(int port)
{
	struct sockaddr_in address = loopback(port);
	int fd = need(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	need(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	need(listen(fd, 8), "listen");
	return fd;
}

/* A client of the listener. */
static inline int connect_to(int listener)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = need(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	need(getsockname(listener, (struct sockaddr *)&address, &length),
	     "getsockname");
	need(connect(fd, (struct sockaddr *)&address, length), "connect");
	return fd;
}

static inline int accept_from(int listener)
{
	return need(accept(listener, NULL, NULL), "accept");
}

#endif
