/* Ignores the signal and handles the error. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	signal(SIGPIPE, SIG_IGN);
	check(shutdown(client, SHUT_WR) == 0, "shutdown");
	if (write(client, "hello", 5) < 0)
		printf("not sent: %s\n", strerror(errno));
	close_both(client, server);
	close(listener);
	return 0;
}
