/*
 * What the kernel says about an open socket.
 *
 * Called by: the shim's slow path and the tests. Not on the data path: each
 * function is one or two system calls (0.4 to 0.9 us each). Async-signal-safe,
 * allocates nothing, leaves errno alone, changes nothing on the socket; it
 * never reads SO_ERROR, which would take the program's error away.
 */
#ifndef KERNEL_SOCKET_H
#define KERNEL_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "model/state.h"
#include "model/text.h"

enum kernel_kind {
	KERNEL_CLOSED, /* no descriptor */
	KERNEL_OTHER,  /* no socket, or not one of TCP over IPv4 or IPv6 */
	KERNEL_TCP,
	KERNEL_MPTCP, /* speaks TCP underneath, on sockets of its own */
};

enum kernel_kind kernel_socket_kind(int fd);

/* SO_COOKIE (socket(7)): unique while the system runs; 0 on failure. */
uint64_t kernel_socket_cookie(int fd);

/* SO_NETNS_COOKIE: the network namespace; 0: not told (before Linux 5.14). */
uint64_t kernel_socket_namespace(int fd);

/*
 * The state by TCP_INFO (tcp(7)). ST_UNKNOWN on failure. Never TIME_WAIT: an
 * open descriptor in TIME_WAIT reads CLOSED here (tcp_get_info). retrying, if
 * not NULL, tells whether the kernel was sending something again, which is how
 * a time-out looks from the outside.
 */
enum tcp_state kernel_socket_state(int fd, bool *retrying);

/*
 * Milliseconds since data was last sent, or since the connection was made; and
 * since the peer was last heard: not before its FIN, which acknowledges too.
 * Both are left alone on failure.
 */
void kernel_socket_since(int fd, uint32_t *sent, uint32_t *heard);

/* Bytes that the program has sent and read, modulo 2^32; 0 on failure. */
uint32_t kernel_socket_data(int fd);

/* What a connection has carried so far. */
struct kernel_counters {
	bool known;
	uint32_t retransmits; /* segments that were sent again */
	uint64_t sent;        /* bytes of the program, each once */
	uint64_t received;    /* bytes of the peer; its FIN counts as one */
};

/*
 * The same, and the counters, by one system call. They are left alone on
 * failure. Not tcpi_bytes_acked: that counts our SYN and FIN too.
 */
enum tcp_state kernel_socket_info(int fd, bool *retrying,
				  struct kernel_counters *counters);

/* getsockname, getpeername; the family is 0 when there is no such address. */
void kernel_socket_local(int fd, struct address *address);
void kernel_socket_peer(int fd, struct address *address);

/* From what a program gave to connect(); the family is 0 when it is neither. */
void kernel_socket_address(const void *sockaddr, unsigned int length,
			   struct address *address);

/*
 * What poll() shows at once, without changing anything: POLLIN, something waits
 * to be read (not below SO_RCVLOWAT); POLLPRI; POLLRDHUP, the peer has closed,
 * or this side has shut its reading; POLLHUP, both directions have ended;
 * POLLERR; POLLNVAL, the descriptor cannot be asked. Half of what TCP_INFO and
 * SIOCINQ cost. (net/ipv4/tcp.c, tcp_poll)
 */
short kernel_socket_events(int fd);

/* Bytes received and not read (SIOCINQ of tcp(7)); 0 on failure. */
long kernel_socket_unread(int fd);

/*
 * The same in SYN_RCVD, where SIOCINQ says 0 whatever fast open has brought. To
 * be asked right before a close: an error that waits may be taken away.
 */
long kernel_socket_unread_early(int fd);

/*
 * Is what waits, so many bytes, nothing but the good-bye of a TLS peer? Looks
 * without taking anything. To be asked while bytes are known to wait: then no
 * error is taken away.
 */
bool kernel_socket_only_alerts(int fd, long unread);

/* Is SO_LINGER set with time 0, so that a close resets? */
bool kernel_socket_resets(int fd);

/* An int-sized option; -1 on failure. */
int kernel_socket_option(int fd, int level, int name);

#endif
