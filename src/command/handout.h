/*
 * Hands the ring out to the processes of the run that may not open it by its
 * path: those of another user, of other privileges, with another /proc or none.
 * Whoever asks has to know the key (ring/handout.h). The kernel tells the pid
 * of who asks.
 *
 * Owns: a socket, with an abstract name. Called by: cmd_run.
 */
#ifndef COMMAND_HANDOUT_H
#define COMMAND_HANDOUT_H

#include <stdint.h>

struct handout {
	int socket; /* -1: none */
	int ring;   /* the descriptor that is handed out */
	uint64_t name;
	uint64_t key;
};

/* Without a socket it has no name, and nobody asks. */
void handout_begin(struct handout *handout, int ring);

/* Answers all that have asked by now. */
void handout_serve(struct handout *handout);

/* Those that have asked are answered still, nobody else. */
void handout_end(struct handout *handout);

#endif
