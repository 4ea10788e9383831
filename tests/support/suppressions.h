/* A file of suppressions, and the option that names it. */
#ifndef SUPPORT_SUPPRESSIONS_H
#define SUPPORT_SUPPRESSIONS_H

#include <stdbool.h>
#include <stddef.h>

struct suppressions {
	char path[64];
	char variable[100]; /* TCPSHADOW_SUPPRESSIONS=path */
};

/* Writes the file. False when it cannot. */
bool suppressions_write(struct suppressions *file, const char *text,
			size_t size);
void suppressions_remove(const struct suppressions *file);

#endif
