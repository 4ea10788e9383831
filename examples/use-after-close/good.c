/* Reads before it closes. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);
	char byte;

	close(client);
	if (read(server, &byte, 1) < 0)
		perror("read");
	close(server);
	close(listener);
	return 0;
}
