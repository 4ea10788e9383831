/* Closes after the end of file. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(2);

	for (int i = 0; i < 2; i++) {
		int client = local_client(listener);
		int server = local_accept(listener);
		char byte;

		close(client);
		while (read(server, &byte, 1) > 0)
			;
		close(server);
	}
	close(listener);
	return 0;
}
