#include "command/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/say.h"
#include "command/symbols.h"

static char *name_beside(const char *target)
{
	const char *base = symbols_base_name(target);
	char *name = NULL;

	if (asprintf(&name, "%.*s.%s.XXXXXX", (int)(base - target), target,
		     base) < 0)
		name = NULL;
	return need_memory(name);
}

static void forget(struct atomic_file *file)
{
	free(file->target);
	free(file->temporary);
	*file = (struct atomic_file){ .target = NULL };
}

/* As the file that it replaces, or as any other new one. */
static mode_t mode_for(const struct stat *old)
{
	mode_t mask = umask(0);

	umask(mask);
	return old ? old->st_mode & 07777 : 0666 & ~mask;
}

FILE *atomic_file_open(struct atomic_file *file, const char *path)
{
	struct stat status;
	bool is_there = stat(path, &status) == 0;
	FILE *stream = NULL;
	int fd;

	*file = (struct atomic_file){ .target = realpath(path, NULL) };
	if (is_there && !S_ISREG(status.st_mode))
		return fopen(path, "we");
	if (!file->target)
		file->target = need_memory(strdup(path));
	file->temporary = name_beside(file->target);
	fd = mkostemp(file->temporary, O_CLOEXEC);
	if (fd >= 0 && fchmod(fd, mode_for(is_there ? &status : NULL)) == 0)
		stream = fdopen(fd, "w");
	if (!stream) {
		int error = errno;

		if (fd >= 0) {
			close(fd);
			unlink(file->temporary);
		}
		forget(file);
		errno = error;
	}
	return stream;
}

bool atomic_file_end(struct atomic_file *file, bool keep)
{
	bool good = true;

	if (file->temporary && keep)
		good = rename(file->temporary, file->target) == 0;
	if (file->temporary && (!keep || !good))
		unlink(file->temporary);
	forget(file);
	return good;
}
