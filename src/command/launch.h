/*
 * The start of a program under the library.
 *
 * Called by: cmd_run.
 */
#ifndef COMMAND_LAUNCH_H
#define COMMAND_LAUNCH_H

#include "command/arguments.h"

/*
 * The path of libtcpshadow.so: beside the command (as built), or in the lib
 * folder next to its own (as installed, wherever that was moved). NULL if it is
 * in neither. The caller frees it.
 */
char *launch_library(void);

/*
 * The program's environment: the library in front of what is preloaded already,
 * the ring, the options. Ends with NULL; the caller frees nothing.
 */
char **launch_environment(const char *library, const char *ring,
			  const struct arguments *arguments);

#endif
