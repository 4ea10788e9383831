/* Stops at the first error. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	signal(SIGPIPE, SIG_IGN);
	check(shutdown(client, SHUT_WR) == 0, "shutdown");
	for (int i = 0; i < 3; i++) {
		if (write(client, "hello", 5) < 0)
			break;
	}
	close_both(client, server);
	close(listener);
	return 0;
}
