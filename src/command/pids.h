/*
 * What /proc says of a process beyond its number: in which PID namespace it
 * lives, and what it was started with.
 *
 * Called by: decode and cmd_run, while the process may still live. Allocates.
 */
#ifndef COMMAND_PIDS_H
#define COMMAND_PIDS_H

#include <stdbool.h>
#include <stdint.h>

#include "command/session.h"
#include "ring/layout.h"

/* The inode of the command's own PID namespace, 0: not known. */
uint64_t pids_own_namespace(void);

/*
 * What a process is called here that is called own_pid in the PID namespace of
 * that inode; the children of `parent` are looked at first. 0: it has ended, or
 * /proc does not show it.
 */
int pids_find(uint64_t namespace, int own_pid, int parent);

/*
 * Sets the pids of a process that has begun. Also of one that has ended since:
 * the number of another namespace may be that of a stranger here.
 */
void pids_settle(struct process *process, const struct ring_start *start,
		 uint64_t own_namespace);

/* Was it started with this variable, and does it live? */
bool pids_has_variable(int pid, const char *name, const char *value);

#endif
