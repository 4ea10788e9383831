/* Closes as usual. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);

	close_both(server, client);
	close(listener);
	return 0;
}
