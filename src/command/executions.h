/*
 * Programs that were executed and have not been heard of since: at the end of
 * the run they are what was not followed.
 *
 * Called by: decode; read by cmd_run. Allocates.
 */
#ifndef COMMAND_EXECUTIONS_H
#define COMMAND_EXECUTIONS_H

#include <stdbool.h>

#include "command/session.h"

struct pending_exec {
	struct pending_exec *next;
	struct process *process; /* that asked for it */
	int pid;                 /* that executes it, as the asker knows it */
	uint64_t pids;           /* the asker's PID namespace */
	char *path;              /* as it was given */
	bool begins;             /* at the end of the run: it lives */
};

void executions_add(struct pending_exec **list, struct process *process,
		    int pid, const char *path);

/* What this pid executed has begun, or failed. True if it was awaited. */
bool executions_forget(struct pending_exec **list, uint64_t pids, int pid);

/*
 * Has the process `child` begun, that its parent tells of only now? posix_spawn
 * tells of its child when the child runs already: that may have spoken first,
 * and may even have executed something else since.
 */
bool executions_begun(struct session *session, const struct process *parent,
		      int child);

void executions_free(struct pending_exec **list);

#endif
