/* Sends on what it has accepted while SIGPIPE has its default action. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	check(write(server, "hello", 5) == 5, "write");
	close_both(server, client);
	close(listener);
	return 0;
}
