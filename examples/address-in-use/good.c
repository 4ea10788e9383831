/* Closes the old listener before it binds the new one. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);
	int port = local_port(listener);
	int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	close(listener);
	if (local_bind(second, port) < 0)
		perror("bind");
	close(second);
	return 0;
}
