/* Closes a number twice; the second time it may be another thread's. */
#include "../net.h"

int main(void)
{
	int listener = local_listener(1);

	close(listener);
	close(listener);
	return 0;
}
