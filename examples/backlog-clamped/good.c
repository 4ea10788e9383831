/* Asks for what it can get. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(128);

	close(listener);
	return 0;
}
