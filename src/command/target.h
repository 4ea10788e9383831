/*
 * What kind of program a file is: can the library be loaded into it, and will
 * it see anything there?
 *
 * Called by: cmd_run before the start, and for programs that were executed and
 * never heard of.
 */
#ifndef COMMAND_TARGET_H
#define COMMAND_TARGET_H

#include <stdbool.h>

enum target {
	TARGET_DYNAMIC,    /* the library can be loaded */
	TARGET_GO,         /* it can, and sees nothing: raw system calls */
	TARGET_STATIC,     /* no loader, no preloading */
	TARGET_PRIVILEGED, /* setuid, setgid, capabilities: the loader refuses */
	TARGET_FOREIGN,    /* another machine or word size than ours */
	TARGET_MISSING,    /* no such file, or it may not be executed */
	TARGET_ODD,        /* neither ELF nor a script */
};

/*
 * The path of a program as execvp(3) would find it; the caller frees it. NULL
 * with an error number: ENOENT or ENOTDIR if there is none of that name,
 * another one if there is and it cannot be executed.
 */
char *target_find(const char *name, int *error);

/* Looks at the file; of a script, at its interpreter. */
enum target target_inspect(const char *path);

/* One clause, such as "is statically linked, ..."; NULL for TARGET_DYNAMIC. */
const char *target_reason(enum target target);

#endif
