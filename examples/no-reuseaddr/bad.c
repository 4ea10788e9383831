/* Listens on a fixed port without SO_REUSEADDR. */
#include "../net.h"

/* A port that is free, as a configuration file would name one. */
static int configured_port(void)
{
	int fd = local_listener(1);
	int port = local_port(fd);

	close(fd);
	return port;
}

int main(void)
{
	int port = configured_port();
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(local_bind(listener, port) == 0, "bind");
	check(listen(listener, 1) == 0, "listen");
	close(listener);
	return 0;
}
