#include "kernel/filters.h"

#include <string.h>

#include "kernel/raw.h"

/* The line of /proc/self/status, proc_pid_status(5). */
static const char field[] = "\nSeccomp_filters:\t";

enum {
	FIELD = sizeof(field) - 1,
	LINE = FIELD + 12, /* with its number */
	PIECE = 1024,
};

static int number_at(const char *at)
{
	int number = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	return number;
}

static const char *find_field(const char *text)
{
	while (text && strncmp(text, field, FIELD) != 0)
		text = *text ? strchr(text + 1, '\n') : NULL;
	return text;
}

int filters_in_force(void)
{
	char text[LINE + PIECE + 1];
	const char *found = NULL;
	long length = 0;
	long got = 0;
	long fd = raw_call6(SYS_openat, AT_FDCWD, (long)"/proc/self/status",
			    O_RDONLY | O_CLOEXEC, 0, 0, 0);

	if (fd < 0)
		return -1;
	while (!found) {
		/* The line may lie across two pieces. */
		long kept = length < LINE ? length : LINE;

		memmove(text, text + length - kept, (size_t)kept);
		got = raw_call3(SYS_read, fd, (long)(text + kept), PIECE);
		if (got <= 0)
			break;
		length = kept + got;
		text[length] = '\0';
		found = find_field(text);
		if (found && !strchr(found + 1, '\n'))
			found = NULL;
	}
	raw_close((int)fd);
	return found ? number_at(found + FIELD) : -1;
}
