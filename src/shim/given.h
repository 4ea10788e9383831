/*
 * Sockets that libc has made inside a call and gives to the program: followed
 * from its return on, with the steps that the call proves.
 *
 * Called by: wrap_remote. Not on the data path. Async-signal-safe, allocates
 * nothing, leaves errno alone. A number below 0 gives nothing.
 */
#ifndef SHIM_GIVEN_H
#define SHIM_GIVEN_H

#include "shim/observe.h"

/* The call's result: a socket bound to a port, or why there is none. */
void given_bound(const struct sight *sight);

/* The call's result: a connection that was opened from here, or why none. */
void given_connected(const struct sight *sight);

/* A connection that was accepted on a listener that is gone. */
void given_accepted(int fd, const struct sight *sight);

#endif
