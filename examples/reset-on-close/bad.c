/* Closes although the peer has sent more. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	signal(SIGPIPE, SIG_IGN);
	check(write(client, "hello", 5) == 5, "write");
	await(server, POLLIN);
	close(server);
	close(client);
	close(listener);
	return 0;
}
