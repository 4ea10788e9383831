/*
 * The program as a process: started, given the signals that were meant for it,
 * stopped and continued with the command, waited for together with whatever it
 * leaves behind (the command is its tree's subreaper).
 *
 * Owns: the command's signal mask and dispositions while the program runs.
 * Called by: cmd_run. The program itself starts with those that the command was
 * started with, in the same process group and on the same terminal.
 */
#ifndef COMMAND_SUPERVISE_H
#define COMMAND_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "command/witness.h"

struct supervisor {
	pid_t pid; /* the program */
	bool ended;
	bool all_ended;  /* it, and all its descendants */
	int status;      /* as of wait(2), once ended */
	int told_to_end; /* a signal after the program's end; 0: none came */
	int children;    /* signalfd of SIGCHLD */
	int signals;     /* signalfd of all others */
	int events;      /* epoll: the signals, and processes that end */

	uint64_t look_at; /* ms, when to look at the signals; 0: there are none */
	struct witness witness;
	struct testimony testimony; /* what it had, not answered here yet */

	/* Is this process one of the program's tree? */
	bool (*is_ours)(void *argument, pid_t pid);
	/* A process has ended; status: as of wait(2), NULL: not known. */
	void (*gone)(void *argument, pid_t pid, const int *status);
	void *argument;
};

/* -errno if it could not be started: errno is execve(2)'s. */
int supervise_start(struct supervisor *supervisor, const char *path,
		    char *const argv[], char *const environment[]);

/*
 * Tells when this process ends, even if it is nobody's child of ours, while
 * there are descriptors to watch it with. False when it has ended already.
 */
bool supervise_watch(struct supervisor *supervisor, pid_t pid);

/* What comes in there, and is for others to read, ends a wait. */
void supervise_wake_by(struct supervisor *supervisor, int fd);

/* Handles what happens within so many milliseconds; returns at the first. */
void supervise_wait(struct supervisor *supervisor, int timeout);

/* Ends this process as the program ended: same status, same signal. */
void supervise_end_as(int status) __attribute__((noreturn));

#endif
