/* Looks for the end of file before it writes. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);
	char byte;

	signal(SIGPIPE, SIG_IGN);
	close(server);
	await(client, POLLRDHUP);
	/* The socket is readable: 0 bytes are the peer's goodbye. */
	if (read(client, &byte, 1) > 0)
		check(write(client, "hello", 5) == 5, "write");
	close(client);
	close(listener);
	return 0;
}
