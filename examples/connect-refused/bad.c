/* Connects to a port where nobody listens any more. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int port = local_port(listener);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	close(listener);
	if (local_connect(client, port) < 0)
		perror("connect");
	close(client);
	return 0;
}
