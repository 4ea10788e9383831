/* Sets SO_REUSEADDR after bind(), which does not see it. */
#include "../net.h"

int main(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	check(local_bind(listener, 0) == 0, "bind");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	check(listen(listener, 1) == 0, "listen");
	close(listener);
	return 0;
}
