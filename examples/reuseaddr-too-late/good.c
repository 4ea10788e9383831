/* Sets it between socket() and bind(). */
#include "../net.h"

int main(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	check(local_bind(listener, 0) == 0, "bind");
	check(listen(listener, 1) == 0, "listen");
	close(listener);
	return 0;
}
