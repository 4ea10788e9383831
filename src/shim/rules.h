/*
 * The rules that judge what the slow path has seen. (Those about writes are in
 * sigpipe.h, the busy port is in in_use.h.)
 *
 * Called by: lifecycle, closing, process. Not on the data path.
 * Async-signal-safe, allocates nothing, leaves errno alone. Each is silent in a
 * sandbox.
 */
#ifndef SHIM_RULES_H
#define SHIM_RULES_H

#include "model/text.h"
#include "shim/observe.h"

/* no-reuseaddr, backlog-clamped: after a listen() that succeeded. */
void rule_listening(int fd, uint64_t ref, int backlog,
		    const struct sight *sight);

/* reuseaddr-too-late: after SO_REUSEADDR was switched on. */
void rule_reuseaddr_set(int fd, uint64_t ref, const struct sight *sight);

/* accept-overflow: after an accept() that succeeded, and at the end. */
void rule_accepted(int fd, uint64_t listener, const struct sight *sight);
void rule_queue_at_exit(int fd, uint64_t listener);

/* descriptors-exhausted: socket() or accept() failed with EMFILE, ENFILE. */
void rule_no_descriptor(const struct sight *sight);

/* connect-refused, ephemeral-exhausted: sight->error tells which. */
void rule_connect_failed(int fd, const struct address *peer,
			 const struct sight *sight);

/* ephemeral-exhausted: no port for a bind or listen (peer NULL) or connect. */
void rule_no_port_left(int fd, const struct address *peer,
		       const struct sight *sight);

/*
 * reset-on-close, linger-reset, server-time-wait: a close that ended the
 * connection, from the state in word by the event.
 */
void rule_closed(int fd, uint64_t ref, uint64_t word, enum tcp_event event,
		 const struct sight *sight);

/* shared-close: a close after which the kernel shows the socket held. */
void rule_still_held(int fd, uint64_t ref, uint32_t inode,
		     const struct sight *sight);

/* The program goes on to another connection. */
void rule_another_accepted(void);

/*
 * The rules about what is open at the end; where it was not looked at, they
 * keep to what is known, but for how long a connection has been left in
 * CLOSE_WAIT.
 */
void rule_open_at_exit(int fd, uint64_t ref, bool looked);

/*
 * shared-close, inherited-listener, accept-overflow: of these, what is open at
 * the end; whether closed sockets that forks have held are in other programs by
 * now; and of each that is.
 */
void rule_shared_at_exit(int fd, uint64_t ref, bool looked);
void rule_ask_held_at_exit(void);
void rule_held_at_exit(uint64_t ref);

/*
 * close-wait-leak: have connections been left in CLOSE_WAIT for too long? Asked
 * at every look, by whatever call; costs 10 ns as a rule.
 */
void rule_check_close_wait(enum call call);

/* A connection has come into CLOSE_WAIT. */
void rule_peer_closed(void);

/* The program has read the end of file of a connection in CLOSE_WAIT. */
void rule_saw_end(uint64_t ref);

/* double-close, use-after-close: a call on a number that was closed. */
void rule_closed_number(int fd, uint64_t grave, enum call call,
			const void *place);

#endif
