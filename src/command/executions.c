#include "command/executions.h"

#include <stdlib.h>
#include <string.h>

#include "command/say.h"

static void free_exec(struct pending_exec *exec)
{
	free(exec->path);
	free(exec);
}

void executions_add(struct pending_exec **list, struct process *process,
		    int pid, const char *path)
{
	struct pending_exec *exec = need_memory(calloc(1, sizeof(*exec)));

	exec->process = process;
	exec->pids = process ? process->pids : 0;
	exec->pid = pid;
	exec->path = need_memory(strdup(path));
	exec->next = *list;
	*list = exec;
}

bool executions_forget(struct pending_exec **list, uint64_t pids, int pid)
{
	bool found = false;

	while (*list) {
		struct pending_exec *exec = *list;

		if (exec->pid != pid || exec->pids != pids) {
			list = &exec->next;
			continue;
		}
		*list = exec->next;
		free_exec(exec);
		found = true;
	}
	return found;
}

bool executions_begun(struct session *session, const struct process *parent,
		      int child)
{
	struct process *process;

	if (!parent || parent->own_pid == child)
		return false;
	process = session_own_pid(session, parent->pids, child);
	for (; process; process = process->replaced) {
		if (process->forked || process->expected ||
		    process->parent != parent)
			continue;
		process->expected = true;
		return true;
	}
	return false;
}

void executions_free(struct pending_exec **list)
{
	while (*list) {
		struct pending_exec *exec = *list;

		*list = exec->next;
		free_exec(exec);
	}
}
