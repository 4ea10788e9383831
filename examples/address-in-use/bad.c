/* Binds to a port where another of its sockets listens. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (local_bind(second, local_port(listener)) < 0)
		perror("bind");
	close(second);
	close(listener);
	return 0;
}
