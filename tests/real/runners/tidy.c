/* A test that passes and leaves nothing behind. */
#include "loopback.h"

int main(void)
{
	int listener = listen_on(0);
	int client = connect_to(listener);
	int server = accept_from(listener);
	char byte;
	int good;

	close(client);
	close(listener);
	good = read(server, &byte, 1) == 0;
	close(server);
	return good ? 0 : 1;
}
