/*
 * A file that is replaced in one go, so that whoever reads it (a collector of
 * metrics) sees the old one or the new one, never half of one.
 *
 * Owns: a temporary file beside it, `.NAME.XXXXXX`, until it is ended. Called
 * by: outputs.
 */
#ifndef COMMAND_ATOMIC_FILE_H
#define COMMAND_ATOMIC_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct atomic_file {
	char *target;
	char *temporary; /* NULL: the target is no regular file */
};

/*
 * Opens it for writing: NULL with errno if that cannot be. What is there and is
 * no regular file (a pipe, /dev/stdout) is written as it is.
 */
FILE *atomic_file_open(struct atomic_file *file, const char *path);

/* After the stream is closed: takes its place, or is dropped. */
bool atomic_file_end(struct atomic_file *file, bool keep);

#endif
