/*
 * What this process executes, and how it was started.
 *
 * Called by: feed, mostly at the start. Allocates nothing; leaves errno alone.
 */
#ifndef SHIM_PROGRAM_H
#define SHIM_PROGRAM_H

#include <stddef.h>

/* Of the file that is executed; "" where there is no /proc. */
void program_path(char *path, size_t size);

/* The name that it was started by; `program`: its path. */
void program_name(char *name, size_t size, char *const arguments[],
		  const char *program);

/*
 * Each with its NUL, as /proc/PID/cmdline has them; what does not fit is cut.
 * Returns the bytes that are used.
 */
size_t program_arguments(char *buffer, size_t size, char *const arguments[]);

#endif
