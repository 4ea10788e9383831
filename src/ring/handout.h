/*
 * Where the command hands its ring out to processes of the run that may not
 * open it by its path: an abstract datagram socket. Whoever asks shows the
 * run's key; the answer is his pid as the command sees it (int32_t), with the
 * ring's descriptor (SCM_RIGHTS). The name is seen by everybody, key and number
 * of the ring are in the run's environment only: a stranger gets no ring by the
 * one, and can pass for the command with neither.
 *
 * Used by: shim/reach, command/handout.
 */
#ifndef RING_HANDOUT_H
#define RING_HANDOUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The address of that name; gives its length. */
static inline unsigned int handout_address(struct sockaddr_un *address,
					   uint64_t name)
{
	static const char prefix[] = "tcpshadow-";
	char *at = address->sun_path + sizeof(prefix);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path + 1, prefix, sizeof(prefix) - 1);
	for (int shift = 60; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[name >> shift & 15];
	return (unsigned int)(at - (char *)address);
}

#endif
