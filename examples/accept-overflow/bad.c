/* The accept queue is shorter than the crowd. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int clients[3];
	int server;

	for (int i = 0; i < 3; i++) {
		clients[i] = socket(
			AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		local_connect(clients[i], local_port(listener));
	}
	await(clients[1], POLLOUT);
	server = local_accept(listener);
	close_both(clients[0], server);
	for (int i = 1; i < 3; i++)
		close(clients[i]);
	close(listener);
	return 0;
}
