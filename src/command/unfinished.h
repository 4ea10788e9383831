/*
 * What the library finds when a program comes to its exit, of one that did not:
 * a signal has ended it, as servers end. Only what the events prove.
 *
 * Called by: cmd_run, once the process has gone.
 */
#ifndef COMMAND_UNFINISHED_H
#define COMMAND_UNFINISHED_H

#include "command/session.h"

/* The options of the library that matter. */
struct unfinished_options {
	uint64_t close_wait; /* seconds */
	bool left_open;
};

/* After session_gone, before the end of its sockets is looked up. */
void unfinished_judge(struct session *session, struct process *process,
		      const struct unfinished_options *options);

#endif
