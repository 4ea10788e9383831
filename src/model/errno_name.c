#include "model/errno_name.h"

#include <errno.h>
#include <stddef.h>

static const struct {
	int number;
	const char *name;
	const char *meaning;
} errnos[] = {
#define ERRNO(n, m) { .number = n, .name = #n, .meaning = m },
#include "model/errnos.def"
#undef ERRNO
};

enum { ERRNO_COUNT = sizeof(errnos) / sizeof(errnos[0]) };

const char *errno_name(int number)
{
	for (int i = 0; i < ERRNO_COUNT; i++) {
		if (errnos[i].number == number)
			return errnos[i].name;
	}
	return NULL;
}

const char *errno_meaning(int number)
{
	for (int i = 0; i < ERRNO_COUNT; i++) {
		if (errnos[i].number == number)
			return errnos[i].meaning;
	}
	return NULL;
}
