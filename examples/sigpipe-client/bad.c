/* A client that sends while SIGPIPE has its default action. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);
	char bytes[5];

	check(write(client, "hello", 5) == 5, "write");
	check(read(server, bytes, 5) == 5, "read");
	close_both(client, server);
	close(listener);
	return 0;
}
