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

struct proc {
	pid_t pid;
	bool known;      /* false: it was gone, or /proc does not tell */
	time_t started;  /* seconds since the Epoch */
	char *arguments; /* its command line; "" when it has none */
};

/* proc_free takes back what proc_read has allocated. */
void proc_read(struct proc *process, pid_t pid);
void proc_free(struct proc *process);

/* The name of a user, printable, or NULL. The caller frees it. */
char *proc_user(uid_t uid);

#endif
