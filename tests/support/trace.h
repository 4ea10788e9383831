/* Counts the system calls of a program, by ptrace. */
#ifndef SUPPORT_TRACE_H
#define SUPPORT_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Runs the program, with or without the library, and calls counts for each
 * system call that its first thread begins (NULL: all count). Returns how many
 * counted, -1 when the program did not end with status 0.
 */
long trace_count(bool shadowed, const char *const *argv,
		 bool (*counts)(pid_t pid, uint64_t number,
				const uint64_t *arguments));

/* For counts: does this system call ask the kernel for a table (sock_diag)? */
bool trace_asks_for_a_table(pid_t pid, uint64_t number,
			    const uint64_t *arguments);

#endif
