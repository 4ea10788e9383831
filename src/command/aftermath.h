/*
 * What becomes of sockets when nobody of the run can tell any more: after the
 * end of their process, also by SIGKILL, and at the end of the run. The kernel
 * is asked by their ends (sock_diag, 3 us each); the cookie confirms.
 *
 * Called by: cmd_run.
 */
#ifndef COMMAND_AFTERMATH_H
#define COMMAND_AFTERMATH_H

#include "command/session.h"

struct aftermath {
	struct session *session;
	int diag;         /* netlink socket, or -errno */
	uint64_t network; /* the command's network namespace */
};

void aftermath_begin(struct aftermath *aftermath, struct session *session);
void aftermath_end(struct aftermath *aftermath);

/* The process has ended: the next steps of the sockets that it had. */
void aftermath_of_process(struct aftermath *aftermath,
			  const struct process *process);

/* The end of the run: what the kernel still has, and who holds it. */
void aftermath_of_run(struct aftermath *aftermath);

#endif
