#include "support/suppressions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool suppressions_write(struct suppressions *file, const char *text,
			size_t size)
{
	bool good;
	int fd;

	strcpy(file->path, "/tmp/tcpshadow-suppress-XXXXXX");
	fd = mkstemp(file->path);
	good = fd >= 0 && write(fd, text, size) == (ssize_t)size;
	if (fd >= 0)
		close(fd);
	snprintf(file->variable, sizeof(file->variable),
		 "TCPSHADOW_SUPPRESSIONS=%s", file->path);
	return good;
}

void suppressions_remove(const struct suppressions *file)
{
	unlink(file->path);
}
