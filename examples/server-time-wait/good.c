/* The client closes first, and keeps TIME_WAIT on its side. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);

	for (int i = 0; i < 12; i++) {
		int client = local_client(listener);
		int server = local_accept(listener);

		close_both(client, server);
	}
	close(listener);
	return 0;
}
