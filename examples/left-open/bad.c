/* Ends with its listener open. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	close(client);
	close(server);
	/* The listener is left to the kernel. */
	return 0;
}
