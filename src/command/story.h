/*
 * The story of a socket, as details of a finding: which process of the run made
 * it and where, which one closed it and where. A port may be held by a socket
 * whose process has ended long ago; the run remembers.
 *
 * Called by: decode.
 */
#ifndef COMMAND_STORY_H
#define COMMAND_STORY_H

#include "command/session.h"

/*
 * Adds what is known of the socket with this cookie, at most `room` details;
 * but not the stack that the finding shows, NULL: none. Returns how many: 0
 * when the run does not know it.
 */
unsigned int story_add(struct session *session, uint64_t cookie,
		       const struct stack *shown, struct detail *details,
		       unsigned int room);

#endif
