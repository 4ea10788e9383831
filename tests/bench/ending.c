/*
 * The last library of a program to be told of its end: what the others have
 * done there lies between ending_from and now.
 */
#include <stdio.h>
#include <time.h>

double ending_from; /* CLOCK_MONOTONIC, ns; 0: the program does not ask */

__attribute__((destructor)) static void say(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (ending_from > 0)
		dprintf(1, "end of the process\t%.1f\n",
			(double)now.tv_sec * 1e9 + (double)now.tv_nsec -
				ending_from);
}
