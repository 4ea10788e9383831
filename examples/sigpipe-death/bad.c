/* Writes to a connection that can no longer be written to. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	check(shutdown(client, SHUT_WR) == 0, "shutdown");
	/* Kills the process: SIGPIPE has its default action. */
	check(write(client, "hello", 5) == 5, "write");
	close_both(client, server);
	close(listener);
	return 0;
}
