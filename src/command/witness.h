/*
 * The witness: a process that does nothing but stand in the command's process
 * group, to tell whether a signal that came to the command came to it alone or
 * to the others as well (kill(2) with a negative pid, the keys of a terminal, a
 * service manager that signals a whole control group).
 *
 * It blocks every signal and keeps no descriptor but its end of a socket.
 * wait(2) passes it over, and it dies with the command.
 * Called by: supervise.
 */
#ifndef COMMAND_WITNESS_H
#define COMMAND_WITNESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct witness {
	pid_t pid;  /* 0: there is none */
	int socket; /* where it is asked */
};

/* Who sent it each signal, by the signal's number; -1: that did not come. */
struct testimony {
	pid_t sender[_NSIG];
};

/*
 * Needs all signals to be blocked already. The words of the program, as main()
 * got them.
 */
void witness_start(struct witness *witness, char *const program[]);

/* What has come since it was last asked; false when there is no witness. */
bool witness_ask(struct witness *witness, struct testimony *testimony);

void witness_end(struct witness *witness);

#endif
