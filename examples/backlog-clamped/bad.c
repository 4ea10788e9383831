/* Asks for more than net.core.somaxconn admits. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(60000);

	close(listener);
	return 0;
}
