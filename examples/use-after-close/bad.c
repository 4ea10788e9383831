/* Uses a number after it was closed. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);
	char byte;

	close_both(client, server);
	if (read(server, &byte, 1) < 0)
		perror("read");
	close(listener);
	return 0;
}
