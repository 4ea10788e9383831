#include "support/wait.h"

#include <stddef.h>
#include <time.h>

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

bool wait_for(bool (*condition)(void *), void *argument, int timeout)
{
	struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
	long end = now() + timeout;

	while (!condition(argument)) {
		if (now() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}
