/*
 * The steps that the shadow takes along the diagram: which, and how each is
 * told.
 *
 * Called by: observe. Not on the data path. Lock-free, async-signal-safe,
 * allocates nothing, leaves errno alone; asks the kernel nothing.
 */
#ifndef SHIM_STEPS_H
#define SHIM_STEPS_H

#include "shim/observe.h"

/* The reason that an error number gives for the end of a connection. */
enum tcp_event steps_event(int error);

/* The error of the call, or else that of the connection, if it was asked for. */
int steps_error(const struct sight *sight);

/*
 * The state between, where the shortest way is not the one that was gone;
 * ST_UNKNOWN: it is.
 */
enum tcp_state steps_via(const struct sock *sock, enum tcp_state shadow,
			 enum tcp_state to, const struct sight *sight);

/*
 * Walks the shadow from the state in *word to `to`, over `via` when that is
 * given (ST_UNKNOWN: the shortest way). Only the caller whose swap succeeds
 * reports. False when the word has changed: the caller looks again.
 */
bool steps_walk(int fd, uint64_t ref, uint64_t *word, enum tcp_state via,
		enum tcp_state to, enum tcp_event event, bool likely,
		bool called, const struct sight *sight);

#endif
