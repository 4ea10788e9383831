/* A test that closes first: its port stays in TIME_WAIT for a minute. */
#include "../loopback.h"
#include "port.h"

int main(void)
{
	int listener = listen_on(PORT);
	int client = connect_to(listener);
	int server = need(accept(listener, NULL, NULL), "accept"); /* made */

	close(listener);
	close(server); /* closed */
	close(client);
	return 0;
}
