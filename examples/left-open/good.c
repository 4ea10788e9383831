/* Closes all that it has opened. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	close(client);
	close(server);
	close(listener);
	return 0;
}
