/*
 * What a run has not seen, said as blind spots.
 *
 * Called by: cmd_run.
 */
#ifndef COMMAND_GAPS_H
#define COMMAND_GAPS_H

#include "command/decode.h"

/* The program itself, where it can be told beforehand. */
void gaps_target(struct session *session, const char *path);

/*
 * Notes, before the last look into the ring, who is about to begin: who lives
 * and has not been heard of yet, though he knows of the ring. What has ended by
 * then has said what it had to say.
 */
void gaps_note_beginners(struct decoder *decoder, const char *ring);

/* What was executed and has not been heard of since was not followed. */
void gaps_unheard(const struct decoder *decoder);

/* Events that were lost: there may have been findings among them. */
void gaps_losses(const struct decoder *decoder);

/*
 * What lives on when the program has ended. Its orphans are the command's
 * children, whether the library was in them or not. told_to_end: the signal
 * that has ended the wait for them, 0: none.
 */
void gaps_living(struct session *session, int told_to_end);

/*
 * Sockets whose process has ended, and that the kernel cannot be asked about
 * from the command's network namespace (its inode). In TIME_WAIT nothing is to
 * come any more.
 */
void gaps_unasked(struct session *session, uint64_t network);

#endif
