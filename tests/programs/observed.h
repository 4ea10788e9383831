/*
 * What a program can observe, printed: the test compares it with and without
 * the library, byte by byte; so nothing prints a port or a process id.
 */
#ifndef PROGRAMS_OBSERVED_H
#define PROGRAMS_OBSERVED_H

#include "pair.h"

static char buffer[4096];

#define SHOW(call)                                             \
	do {                                                   \
		errno = 77;                                    \
		long shown_ = (long)(call);                    \
		printf("%s = %ld %d\n", #call, shown_, errno); \
	} while (0)

#define S(name)             \
	{                   \
#name, name \
	}

#endif
