/*
 * Names of error numbers. libc's strerrorname_np is too new to lean on.
 *
 * Owns: the table of errnos.def. Pure, async-signal-safe.
 */
#ifndef MODEL_ERRNO_NAME_H
#define MODEL_ERRNO_NAME_H

/* "EPIPE"; NULL for a number outside the table. */
const char *errno_name(int number);

/* What the number means on a TCP socket; NULL outside the table. */
const char *errno_meaning(int number);

#endif
