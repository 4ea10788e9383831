/* A test that passes, and does not close what its peer has closed. */
#include "loopback.h"

int main(void)
{
	int listener = listen_on(0);
	int client = connect_to(listener);
	int server = need(accept(listener, NULL, NULL), "accept"); /* here */
	char byte;

	close(client);
	close(listener);
	return read(server, &byte, 1) == 0 ? 0 : 1;
}
