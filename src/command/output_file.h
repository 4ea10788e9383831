/*
 * A file that a run writes. Its path is tried before the program starts; what
 * an earlier run has left there is only touched once this one has begun. It is
 * emptied then (a run that is killed must not leave an old report for its own),
 * or, if it is to be replaced in one go, at the end: then whoever reads it (a
 * collector of metrics) sees the old one or the new one, never half of one.
 *
 * Owns: the stream; of a file that is replaced a temporary one beside it,
 * `.NAME.XXXXXX`, until it is ended. Called by: outputs.
 */
#ifndef COMMAND_OUTPUT_FILE_H
#define COMMAND_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct output_file {
	FILE *stream; /* NULL: not open */
	char *target;
	char *temporary; /* NULL: the target is written itself */
	bool made;       /* by this run; goes if nothing is run */
	bool shared;     /* it is where the command's own output goes */
	bool begun;
};

/*
 * Opens it for writing: false with errno if that cannot be. What is there and
 * is no regular file (a pipe) is written as it is; what standard output or
 * standard error go to is written behind what is there.
 */
bool output_file_open(struct output_file *file, const char *path,
		      bool replaced);

/* From here on it is written. False when it cannot be emptied. */
bool output_file_begin(struct output_file *file);

/*
 * Closes it. If it is not good what would be replaced stays; nothing is left of
 * what has not begun. False if something could not be written.
 */
bool output_file_end(struct output_file *file, bool good);

#endif
