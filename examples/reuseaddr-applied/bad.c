/* Binds without SO_REUSEADDR; run with TCPSHADOW_REUSEADDR=on-conflict. */
#include "../net.h"

int main(void)
{
	int old = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	/* The old socket has the option, as one of a run before would. */
	setsockopt(old, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	check(local_bind(old, 0) == 0, "bind");
	if (local_bind(second, local_port(old)) < 0)
		perror("bind");
	close(second);
	close(old);
	return 0;
}
