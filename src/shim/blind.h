/*
 * What the library could not see, and where it lost its way: counted, and named
 * in a finding, so that silence never means "did not look".
 *
 * Called by: observe, the process wrappers. Async-signal-safe.
 */
#ifndef SHIM_BLIND_H
#define SHIM_BLIND_H

#include "shim/observe.h"

enum blind {
	BLIND_NO_MEMORY,     /* a socket without a record */
	BLIND_CLOSED_UNSEEN, /* a descriptor closed by a call we do not wrap */
	BLIND_NOT_SETTLED,   /* open at the end, and not looked at */
	BLIND_FORGOTTEN,     /* closed, and its record needed for others */
	BLIND_BUSY,          /* a finding without room to explain it */
	BLIND_HOLDER,        /* whoever holds a closed socket was not found */
	BLIND_COUNT
};

void blind_count(enum blind what);

/*
 * Has the program closed descriptors by calls that are not wrapped, or may it
 * (io_uring)? Then a number proves nothing.
 */
bool blind_to_closes(void);

/* In a forked child: what was counted so far is the parent's to tell. */
void blind_forget(void);

/* An MPTCP socket: its subflows are sockets that no descriptor leads to. */
void blind_mptcp(void);

/* The program is about to install a seccomp filter: last words. */
void blind_sandbox(void);

/* It has not: the kernel refused it. */
void blind_sandbox_refused(void);

/* io_uring_setup was called. */
void blind_io_uring(void);

/* The kernel shows a step that the diagram does not have. */
void blind_lost_track(int fd, uint64_t ref, enum tcp_state from,
		      enum tcp_state to, const struct sight *sight);

/* Names the counts at the end of the process. */
void blind_summary(void);

#endif
