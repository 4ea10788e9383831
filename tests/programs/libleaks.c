/*
 * A library whose constructor leaves a connection that its peer has closed, and
 * closes a number twice; preloaded behind ours, so that it runs before ours.
 */
#include "pair.h"

__attribute__((constructor)) static void early(void)
{
	struct pair pair = make_pair();
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	CHECK(close(pair.client) == 0);
	CHECK(read(pair.server, &byte, 1) == 0);
	/* A call that looks after connections that are left alone. */
	CHECK(close(fd) == 0 && close(fd) == -1);
	/* It was not left to the exit. */
	CHECK(connect_to(socket(AF_INET, SOCK_STREAM, 0),
			 port_of(pair.listener)) == 0);
	CHECK(accept(pair.listener, NULL, NULL) >= 0);
}
