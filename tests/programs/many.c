/*
 * many COUNT: so many connections to itself, one after another, each closed by
 * both sides. Several listeners, since each pair of ends waits a minute before
 * it is used again.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENERS = 8 };

static int listen_anywhere(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	if (fd < 0 || bind(fd, (struct sockaddr *)address, length) < 0 ||
	    listen(fd, 5) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &length) < 0)
		err(1, "listen");
	return fd;
}

int main(int argc, char **argv)
{
	struct sockaddr_in addresses[LISTENERS];
	int listeners[LISTENERS];
	int count = argc > 1 ? atoi(argv[1]) : 1;

	for (int i = 0; i < LISTENERS; i++)
		listeners[i] = listen_anywhere(&addresses[i]);
	for (int i = 0; i < count; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		int server;
		char byte;

		if (client < 0 ||
		    connect(client,
			    (struct sockaddr *)&addresses[i % LISTENERS],
			    sizeof(addresses[0])) < 0)
			err(1, "connect %d", i);
		server = accept(listeners[i % LISTENERS], NULL, NULL);
		if (server < 0)
			err(1, "accept");
		close(client);
		if (read(server, &byte, 1) != 0)
			err(1, "read");
		close(server);
	}
	return 0;
}
