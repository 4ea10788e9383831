#include "command/gaps.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/pids.h"
#include "command/say.h"
#include "command/signal_name.h"
#include "command/target.h"
#include "kernel/owners.h"
#include "model/option.h"

void gaps_target(struct session *session, const char *path)
{
	enum target target = target_inspect(path);
	const char *reason = target_reason(target);

	if (reason && target != TARGET_MISSING && target != TARGET_ODD)
		session_blind(session, NULL, "%s %s", path, reason);
}

/* Who executes it, as the command knows him; 0: he cannot be found. */
static int executing_pid(const struct decoder *decoder,
			 const struct pending_exec *exec)
{
	const struct process *process;

	if (exec->pids == 0)
		return exec->pid;
	process = session_own_pid(decoder->session, exec->pids, exec->pid);
	if (process)
		return process->hidden ? 0 : process->pid;
	return pids_find(exec->pids, exec->pid,
			 exec->process ? exec->process->pid : 0);
}

void gaps_note_beginners(struct decoder *decoder, const char *ring)
{
	const char *name = option_row(OPTION_RING)->environment;

	for (struct pending_exec *exec = decoder->execs; exec;
	     exec = exec->next) {
		int pid = executing_pid(decoder, exec);

		exec->begins = exec->begins ||
			       (pid && pids_has_variable(pid, name, ring));
	}
}

static void name_unfollowed(const struct decoder *decoder,
			    const struct pending_exec *exec)
{
	int error;
	char *path = target_find(exec->path, &error);
	const char *reason = path ? target_reason(target_inspect(path)) : NULL;
	int pid = executing_pid(decoder, exec);

	if (reason || !exec->begins)
		session_blind(decoder->session, exec->process,
			      "%s (pid %d%s) was not followed: it %s",
			      exec->path[0] ? exec->path : "a program",
			      pid ? pid : exec->pid,
			      pid ? "" : " in its PID namespace",
			      reason ? reason
				     : "ran without LD_PRELOAD, or outside of "
				       "what tcpshadow can reach, or ended at "
				       "once");
	free(path);
}

void gaps_unheard(const struct decoder *decoder)
{
	for (const struct pending_exec *exec = decoder->execs; exec;
	     exec = exec->next)
		name_unfollowed(decoder, exec);
}

static void name_loss(struct session *session, uint64_t count, const char *what)
{
	if (count > 0)
		session_blind(session, NULL, "%llu events %s",
			      (unsigned long long)count, what);
}

void gaps_losses(const struct decoder *decoder)
{
	struct session *session = decoder->session;

	name_loss(session, decoder->bad, "could not be understood");
	name_loss(session, session->lost,
		  "were lost: the program was faster than tcpshadow could "
		  "read");
	name_loss(session, session->holes, "were begun and never finished");
}

/* The kernel's word, where the /proc that is there shows other pids, or none. */
static bool has_children(void)
{
	siginfo_t ended = { .si_pid = 0 };

	return waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       ended.si_pid == 0;
}

/*
 * Processes that the program has left behind, and that are the command's
 * children by now: their number, and the first one's pid (as it was: not known,
 * and there may be more of them).
 */
static unsigned int count_orphans(pid_t *first)
{
	unsigned int count = 0;
	char path[64];
	FILE *stream;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		 (int)getpid());
	stream = fopen(path, "re");
	while (stream && fscanf(stream, "%d", &pid) == 1) {
		if (count++ == 0)
			*first = pid;
	}
	if (stream)
		fclose(stream);
	return count > 0 ? count : has_children();
}

/* A process that is known, where /proc has not named one; NULL: none. */
static const struct process *find_living(const struct session *session)
{
	const struct process *process = session->processes;

	while (process && (process->gone || process->replaced_by ||
			   process->hidden || kill(process->pid, 0) < 0))
		process = process->next;
	return process;
}

static void name_living(struct session *session, unsigned int count, pid_t pid,
			const char *command, const char *advice)
{
	session_blind(session, session_pid(session, pid),
		      "%u %s of the run still %s, such as pid %d (%s): %s",
		      count, count == 1 ? "process" : "processes",
		      count == 1 ? "lives" : "live", pid, command, advice);
}

void gaps_living(struct session *session, int told_to_end)
{
	pid_t first = 0;
	unsigned int count = count_orphans(&first);
	const struct process *known = first ? NULL : find_living(session);
	char advice[64] = "--wait=all follows them to their end";

	if (told_to_end != 0)
		snprintf(advice, sizeof(advice), "%s ended the wait for them",
			 signal_name(told_to_end).text);
	if (first) {
		char command[16];

		owners_command(first, command, sizeof(command));
		name_living(session, count, first, command, advice);
	} else if (known) {
		char *command = say_plain(known->command);

		name_living(session, 1, known->pid, command, advice);
		free(command);
	} else if (count > 0) {
		session_blind(session, NULL,
			      "processes of the run still live, which this "
			      "/proc does not show: %s",
			      advice);
	}
}

void gaps_unasked(struct session *session, uint64_t network)
{
	unsigned int count = 0;

	for (const struct tcp_socket *socket = session->sockets; socket;
	     socket = socket->next) {
		count += socket->network != network && socket->network != 0 &&
			 network != 0 && socket->state != ST_CLOSED &&
			 socket->state != ST_TIME_WAIT &&
			 process_last_image(socket->owner)->gone;
	}
	if (count > 0)
		session_blind(session, NULL,
			      "%u %s in another network namespace %s not "
			      "followed beyond the end of %s process",
			      count, count == 1 ? "socket" : "sockets",
			      count == 1 ? "was" : "were",
			      count == 1 ? "its" : "their");
}
