/*
 * What the command says of its own: one sentence on standard error. All text
 * from outside (arguments, paths, names of processes) is made printable here or
 * by say_printable, before it reaches a terminal or a report.
 */
#ifndef COMMAND_SAY_H
#define COMMAND_SAY_H

#include <stdarg.h>

/* "tcpshadow: ...\n"; unprintable bytes become \xNN. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same; returns EXIT_BAD_INPUT. */
int say_bad_input(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * A copy in which bytes that are not printable ASCII, and the backslash, are
 * \xNN. The caller frees it.
 */
char *say_printable(const char *text);

/*
 * The copy with the bytes again, for who is going to write them so himself (a
 * NUL is a question mark). The caller frees it.
 */
char *say_plain(const char *printable);

/* The one such copy that the tree (of tsearch) has, which owns it. */
const char *say_once(void **texts, const char *text);

/* malloc, calloc, strdup that end the command when there is no memory. */
void *need_memory(void *memory);

#endif
