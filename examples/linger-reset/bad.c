/* Throws the connection away with SO_LINGER 0. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(server);
	close(client);
	close(listener);
	return 0;
}
