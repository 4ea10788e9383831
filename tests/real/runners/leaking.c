/* A test that passes, and does not close what its peers have closed. */
#include "loopback.h"

int main(void)
{
	int listener = listen_on(0);
	int ends = 0;

	for (int i = 0; i < 2; i++) {
		int client = connect_to(listener);
		int fd =
			need(accept(listener, NULL, NULL), "accept"); /* here */
		char byte;

		close(client);
		ends += read(fd, &byte, 1) == 0;
	}
	close(listener);
	return ends == 2 ? 0 : 1;
}
