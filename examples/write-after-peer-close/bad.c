/* Writes on without looking whether the peer is still there. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	signal(SIGPIPE, SIG_IGN);
	close(server);
	await(client, POLLRDHUP);
	/* Succeeds: nobody has told the kernel yet that nobody reads. */
	check(write(client, "hello", 5) == 5, "write");
	await(client, POLLERR);
	check(write(client, "hello", 5) == -1, "write");
	close(client);
	close(listener);
	return 0;
}
