/*
 * Descriptors that are copied, sent and received: one socket under several
 * numbers, or in several processes.
 *
 * Called by: wrap_dup, wrap_syscall, and the wrappers of calls that carry
 * messages. Not on the data path. Async-signal-safe, allocates nothing, leaves
 * errno alone.
 */
#ifndef SHIM_COPYING_H
#define SHIM_COPYING_H

#include <sys/socket.h>

#include "shim/observe.h"

/* A descriptor that came from another process, or from this one. */
void seen_arrived(int fd);

/* Descriptors that came in a message (SCM_RIGHTS), or are sent in one. */
void seen_received(const struct msghdr *message);
void seen_sent(const struct msghdr *message);

/*
 * Before a call that makes a second descriptor: keeps the socket from being
 * taken for closed meanwhile. 0: fd is not followed. seen_dup must follow.
 */
uint64_t seen_dup_begin(int fd);
void seen_dup(int fd, uint64_t ref, const struct sight *sight);

#endif
