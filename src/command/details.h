/*
 * The lines of a finding's details, as they come through the ring.
 *
 * Called by: decode.
 */
#ifndef COMMAND_DETAILS_H
#define COMMAND_DETAILS_H

#include "command/session.h"

/*
 * Text as it is, and what the marks of ring/layout.h stand for: a stack of the
 * process, or what the run knows of a socket, without the stack that the finding
 * shows (NULL: none). Returns how many were put into
 * details, of which there is room for so many.
 */
unsigned int details_read(struct session *session,
			  const struct process *process,
			  const struct stack *shown, const char *text,
			  struct detail *details, unsigned int room);

#endif
