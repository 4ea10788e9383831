#include "shim/program.h"

#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

#include "kernel/raw.h"
#include "model/text.h"

void program_path(char *path, size_t size)
{
	long length = raw_readlink("/proc/self/exe", path, size - 1);

	path[length > 0 ? length : 0] = '\0';
}

static bool begins_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/*
 * By this path the program was started: that of the link, of the script. The
 * kernel makes its comm of it; unlike comm it is not cut, and no thread can
 * change it. What was executed by a descriptor has no name but argv[0].
 */
static const char *started_path(char *const arguments[], const char *program)
{
	const char *path = (const char *)getauxval(AT_EXECFN);

	if (path && !begins_with(path, "/proc/") &&
	    !begins_with(path, "/dev/fd/"))
		return path;
	if (arguments[0] && !begins_with(arguments[0], "/proc/"))
		return arguments[0];
	return program;
}

void program_name(char *name, size_t size, char *const arguments[],
		  const char *program)
{
	const char *base = text_base_name(started_path(arguments, program));
	size_t length = strnlen(base, size - 1);

	memcpy(name, base, length);
	name[length] = '\0';
}

size_t program_arguments(char *buffer, size_t size, char *const arguments[])
{
	size_t used = 0;

	for (; *arguments && used < size; arguments++) {
		size_t length = strlen(*arguments) + 1;

		if (length > size - used)
			length = size - used;
		memcpy(buffer + used, *arguments, length);
		used += length;
	}
	return used;
}
