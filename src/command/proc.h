/*
 * What /proc says about a process: since when it runs, and how it was called.
 *
 * Called by: the command. Allocates; all text from outside is made printable.
 */
#ifndef COMMAND_PROC_H
#define COMMAND_PROC_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct process {
	pid_t pid;
	bool known;      /* false: it was gone, or /proc does not tell */
	time_t started;  /* seconds since the Epoch */
	char *arguments; /* its command line; "" when it has none */
};

/* process_free takes back what process_read has allocated. */
void process_read(struct process *process, pid_t pid);
void process_free(struct process *process);

/* The name of a user, printable, or NULL. The caller frees it. */
char *process_user(uid_t uid);

#endif
