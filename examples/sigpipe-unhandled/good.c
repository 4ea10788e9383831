/* Ignores SIGPIPE, so that a dead peer is an error like any other. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	signal(SIGPIPE, SIG_IGN);
	check(write(server, "hello", 5) == 5, "write");
	close_both(server, client);
	close(listener);
	return 0;
}
