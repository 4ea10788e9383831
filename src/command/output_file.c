#include "command/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/say.h"
#include "model/text.h"

static char *name_beside(const char *target)
{
	const char *base = text_base_name(target);
	char *name = NULL;

	if (asprintf(&name, "%.*s.%s.XXXXXX", (int)(base - target), target,
		     base) < 0)
		name = NULL;
	return need_memory(name);
}

static void forget(struct output_file *file)
{
	free(file->target);
	free(file->temporary);
	*file = (struct output_file){ .stream = NULL };
}

/* As the file that it replaces, or as any other new one. */
static mode_t mode_for(const struct stat *old)
{
	mode_t mask = umask(0);

	umask(mask);
	return old ? old->st_mode & 07777 : 0666 & ~mask;
}

static int open_temporary(struct output_file *file, const struct stat *old)
{
	int fd;

	file->temporary = name_beside(file->target);
	fd = mkostemp(file->temporary, O_CLOEXEC);
	if (fd >= 0 && fchmod(fd, mode_for(old)) < 0) {
		int error = errno;

		close(fd);
		unlink(file->temporary);
		errno = error;
		return -1;
	}
	return fd;
}

/* Without emptying it. Two runs that share a log do not write over each other. */
static int open_itself(struct output_file *file)
{
	enum { FLAGS = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND };
	int fd = open(file->target, FLAGS | O_EXCL, 0666);

	file->made = fd >= 0;
	return fd >= 0 || errno != EEXIST ? fd
					  : open(file->target, FLAGS, 0666);
}

static bool leads_to(int fd, const struct stat *wanted)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat status;

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY &&
	       fstat(fd, &status) == 0 && status.st_dev == wanted->st_dev &&
	       status.st_ino == wanted->st_ino;
}

/*
 * Where the command's own output goes (/dev/stdout, or the name of the file) so
 * does the program's. Opened once more, each would write over the other, and a
 * socket cannot be. -1: it leads elsewhere.
 */
static int share_standard(const struct stat *status)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		if (leads_to(fd, status))
			return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	return -1;
}

bool output_file_open(struct output_file *file, const char *path, bool replaced)
{
	struct stat status;
	bool is_there = stat(path, &status) == 0;
	int fd = is_there ? share_standard(&status) : -1;

	*file = (struct output_file){ .shared = fd >= 0 };
	if (file->shared) {
		file->target = need_memory(strdup(path));
	} else if (replaced && (!is_there || S_ISREG(status.st_mode))) {
		file->target = realpath(path, NULL);
		if (!file->target)
			file->target = need_memory(strdup(path));
		fd = open_temporary(file, is_there ? &status : NULL);
	} else {
		file->target = need_memory(strdup(path));
		fd = open_itself(file);
	}
	if (fd >= 0) {
		file->stream = need_memory(fdopen(fd, "w"));
		return true;
	}

	int error = errno;

	forget(file);
	errno = error;
	return false;
}

bool output_file_begin(struct output_file *file)
{
	int fd = fileno(file->stream);
	struct stat status;

	file->begun = true;
	if (file->temporary || file->shared || fstat(fd, &status) < 0 ||
	    !S_ISREG(status.st_mode))
		return true;
	return ftruncate(fd, 0) == 0;
}

bool output_file_end(struct output_file *file, bool good)
{
	good = !ferror(file->stream) && good;
	good = fclose(file->stream) == 0 && good;
	if (file->temporary && file->begun && good)
		good = rename(file->temporary, file->target) == 0;
	if (file->temporary && (!file->begun || !good))
		unlink(file->temporary);
	if (file->made && !file->begun)
		unlink(file->target);
	forget(file);
	return good;
}
