/*
 * "Address already in use": the explanation, and the option that sets
 * SO_REUSEADDR.
 *
 * Called by: bind and listen. Not on the data path: nothing is done unless the
 * call failed, or the option is set. Async-signal-safe, allocates nothing.
 */
#ifndef SHIM_IN_USE_H
#define SHIM_IN_USE_H

#include <sys/socket.h>

#include "shim/observe.h"

/*
 * After bind(): the result for the program. It differs from the kernel's first
 * answer, and errno with it, only where the option reuseaddr cured the failure.
 */
int in_use_bind(int fd, const struct sockaddr *address, socklen_t length,
		const struct sight *sight, int errno_before);

/* After listen(), which can say it too. */
void in_use_listen(int fd, const struct sight *sight);

#endif
