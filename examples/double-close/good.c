/* Forgets the number when it is closed. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);

	close(listener);
	listener = -1;
	if (listener >= 0)
		close(listener);
	return 0;
}
