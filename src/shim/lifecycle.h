/*
 * What the calls of a socket's life mean for the shadow, whichever way they
 * were made: by name or through syscall().
 *
 * Called by: wrap_socket, wrap_option, wrap_syscall, copying. Not on the data
 * path. Async-signal-safe, allocates nothing, leaves errno alone.
 */
#ifndef SHIM_LIFECYCLE_H
#define SHIM_LIFECYCLE_H

#include <sys/socket.h>

#include "shim/observe.h"

void seen_socket(int domain, int type, int protocol, const struct sight *sight);
void seen_bind(int fd, const struct sockaddr *address, socklen_t length,
	       const struct sight *sight);
void seen_listen(int fd, int backlog, const struct sight *sight);
void seen_connect(int fd, const struct sockaddr *address, socklen_t length,
		  const struct sight *sight);
/* peer: what accept() itself told of it; NULL: nothing. */
void seen_accept(int fd, const struct address *peer, const struct sight *sight);
void seen_shutdown(int fd, int how, const struct sight *sight);
void seen_setsockopt(int fd, int level, int name, const void *value,
		     socklen_t length, const struct sight *sight);
void seen_getsockopt(int fd, int level, int name, const void *value,
		     const socklen_t *length, const struct sight *sight);

/* Any other call on a socket: completes what is under way. */
void seen_other(int fd, const struct sight *sight);

/* An inherited listener that is put to any use is no leak. */
void seen_used(int fd, uint64_t ref);

/* A new descriptor that is no TCP socket: what was there is gone. */
void seen_foreign(int fd);

/*
 * Has the program raised SO_RCVLOWAT, on whichever socket? Then poll() does not
 * show all that waits to be read.
 */
bool seen_low_water(void);

#endif
