/* The test that comes after it and wants the same port. */
#include "../loopback.h"
#include "port.h"

int main(void)
{
	int fd = need(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	struct sockaddr_in address = loopback(PORT);

	need(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	return 0;
}
