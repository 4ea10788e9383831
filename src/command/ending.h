/*
 * How a socket has ended that the kernel shows no more, by what is known of its
 * other end.
 *
 * Called by: aftermath, for what no process can tell any more; decode, for what
 * a process could only guess.
 */
#ifndef COMMAND_ENDING_H
#define COMMAND_ENDING_H

#include "command/session.h"

/* What the stories of its other end and of its successor say of how it ended. */
enum fate ending_fate(const struct tcp_socket *socket);

/*
 * Tells its steps to CLOSED. `step` is what they have in common; the last is of
 * its evidence.
 */
void ending_tell(struct session *session, struct tcp_socket *socket,
		 const struct step *step, enum fate fate);

/* The same for the steps to a state in which the kernel shows it. */
void ending_tell_state(struct session *session, struct tcp_socket *socket,
		       const struct step *step, enum tcp_state state);

#endif
