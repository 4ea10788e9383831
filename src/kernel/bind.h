/*
 * What bind() would answer now: tried, with a socket of our own.
 *
 * Called by: the explanation of a failed bind (shim), the command. Not on the
 * data path. Async-signal-safe, allocates nothing, leaves errno alone, holds
 * one descriptor while it runs. When the bind succeeds the port is ours for
 * some microseconds, until the socket is closed again.
 */
#ifndef KERNEL_BIND_H
#define KERNEL_BIND_H

enum bind_options {
	BIND_PLAIN = 0,
	BIND_REUSEADDR = 1 << 0, /* SO_REUSEADDR */
	BIND_REUSEPORT = 1 << 1, /* SO_REUSEPORT */
	BIND_V6ONLY = 1 << 2,    /* IPV6_V6ONLY; without, a [::] takes IPv4 */
};

/*
 * The answer for a new TCP socket of the family with these options: 0 or
 * -errno. address is a struct sockaddr of length bytes.
 */
long bind_try(int family, const void *address, unsigned int length,
	      unsigned int options);

#endif
