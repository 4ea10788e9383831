#include "kernel/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/raw.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

int kernel_socket_option(int fd, int level, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	if (raw_getsockopt(fd, level, name, &value, &length) < 0)
		return -1;
	return value;
}

enum kernel_kind kernel_socket_kind(int fd)
{
	int protocol = 0;
	socklen_t length = sizeof(protocol);
	long result =
		raw_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);

	/* EBADF is also the answer for an open descriptor of O_PATH. */
	if (result == -EBADF && raw_call3(SYS_fcntl, fd, F_GETFD, 0) == -EBADF)
		return KERNEL_CLOSED;
	if (result < 0)
		return KERNEL_OTHER;
	switch (protocol) {
	case IPPROTO_TCP:
		return KERNEL_TCP;
	case IPPROTO_MPTCP:
		return KERNEL_MPTCP;
	default:
		return KERNEL_OTHER;
	}
}

static uint64_t get_cookie(int fd, int name)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	if (raw_getsockopt(fd, SOL_SOCKET, name, &cookie, &length) < 0)
		return 0;
	return cookie;
}

uint64_t kernel_socket_cookie(int fd)
{
	return get_cookie(fd, SO_COOKIE);
}

uint64_t kernel_socket_namespace(int fd)
{
	return get_cookie(fd, SO_NETNS_COOKIE);
}

enum tcp_state kernel_socket_info(int fd, bool *retrying,
				  struct kernel_counters *counters)
{
	enum { COUNTED = offsetof(struct tcp_info, tcpi_dsack_dups) };
	struct tcp_info info = { .tcpi_state = 0 };
	/* The first eight bytes hold all but the counters. */
	socklen_t length = counters ? sizeof(info) : 8;

	if (raw_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return ST_UNKNOWN;
	if (retrying)
		*retrying = info.tcpi_retransmits > 0 || info.tcpi_probes > 0 ||
			    info.tcpi_backoff > 0;
	/* A kernel before 4.19 has fewer. */
	if (counters && length >= COUNTED)
		*counters = (struct kernel_counters){
			.known = true,
			.sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans,
			.received = info.tcpi_bytes_received,
			.retransmits = info.tcpi_total_retrans,
		};
	return state_from_kernel(info.tcpi_state);
}

enum tcp_state kernel_socket_state(int fd, bool *retrying)
{
	return kernel_socket_info(fd, retrying, NULL);
}

void kernel_socket_since(int fd, uint32_t *sent, uint32_t *heard)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t length = sizeof(info);

	if (raw_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return;
	*sent = info.tcpi_last_data_sent;
	*heard = info.tcpi_last_ack_recv;
}

uint32_t kernel_socket_data(int fd)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t length = sizeof(info);

	if (raw_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return 0;
	return (uint32_t)(info.tcpi_bytes_sent - info.tcpi_bytes_retrans +
			  info.tcpi_notsent_bytes + info.tcpi_bytes_received -
			  (uint64_t)kernel_socket_unread(fd));
}

void kernel_socket_address(const void *sockaddr, unsigned int length,
			   struct address *address)
{
	const struct sockaddr_in *in = sockaddr;
	const struct sockaddr_in6 *in6 = sockaddr;

	memset(address, 0, sizeof(*address));
	if (length >= sizeof(*in) && in->sin_family == AF_INET) {
		memcpy(address->bytes, &in->sin_addr, 4);
		address->port = ntohs(in->sin_port);
		address->family = AF_INET;
	} else if (length >= sizeof(*in6) && in6->sin6_family == AF_INET6) {
		memcpy(address->bytes, &in6->sin6_addr, 16);
		address->port = ntohs(in6->sin6_port);
		address->family = AF_INET6;
	}
}

static void get_name(long call, int fd, struct address *address)
{
	struct sockaddr_storage storage = { .ss_family = 0 };
	socklen_t length = sizeof(storage);

	memset(address, 0, sizeof(*address));
	if (raw_call3(call, fd, (long)&storage, (long)&length) == 0)
		kernel_socket_address(&storage, length, address);
}

void kernel_socket_local(int fd, struct address *address)
{
	get_name(SYS_getsockname, fd, address);
}

void kernel_socket_peer(int fd, struct address *address)
{
	get_name(SYS_getpeername, fd, address);
}

short kernel_socket_events(int fd)
{
	struct pollfd look = { .fd = fd,
			       .events = POLLIN | POLLPRI | POLLRDHUP };
#ifdef SYS_poll
	long result = raw_call3(SYS_poll, (long)&look, 1, 0);
#else
	struct timespec now = { .tv_sec = 0 };
	long result = raw_call6(SYS_ppoll, (long)&look, 1, (long)&now, 0, 0, 0);
#endif

	return result < 0 ? POLLNVAL : look.revents;
}

long kernel_socket_unread(int fd)
{
	int bytes = 0;

	if (raw_call3(SYS_ioctl, fd, SIOCINQ, (long)&bytes) < 0)
		return 0;
	return bytes;
}

long kernel_socket_unread_early(int fd)
{
	/* MSG_TRUNC: nothing is copied, so that there need be no room. */
	long bytes = raw_call6(SYS_recvfrom, fd, 0, INT_MAX,
			       MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, 0, 0);

	return bytes > 0 ? bytes : 0;
}

/*
 * The length of the TLS record that begins here if it is, or must be, an alert
 * (RFC 8446, 5.1 and 6); 0: it is none. TLS 1.3 calls all that is encrypted
 * data: an alert's two bytes, the kind behind them and a tag of 16.
 */
static long alert_length(const unsigned char *record, long size)
{
	enum { HEADER = 5, ALERT = 21, DATA = 23, ENCRYPTED = 2 + 1 + 16 };
	long length;

	if (size < HEADER || record[1] != 3)
		return 0;
	length = record[3] << 8 | record[4];
	if (record[0] != ALERT && (record[0] != DATA || length != ENCRYPTED))
		return 0;
	return HEADER + length <= size ? HEADER + length : 0;
}

bool kernel_socket_only_alerts(int fd, long unread)
{
	/* Two alerts of TLS 1.2 with the longest padding do not need more. */
	unsigned char bytes[256];
	long length = 0;
	long at = 0;

	/* With SO_PEEK_OFF a peek moves the program's next one. */
	if (unread <= 0 || unread > (long)sizeof(bytes) ||
	    kernel_socket_option(fd, SOL_SOCKET, SO_PEEK_OFF) >= 0 ||
	    raw_call6(SYS_recvfrom, fd, (long)bytes, unread,
		      MSG_PEEK | MSG_DONTWAIT, 0, 0) != unread)
		return false;
	do {
		length = alert_length(bytes + at, unread - at);
		at += length;
	} while (length > 0 && at < unread);
	return length > 0;
}

bool kernel_socket_resets(int fd)
{
	struct linger linger = { .l_onoff = 0 };
	socklen_t length = sizeof(linger);

	return raw_getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) ==
		       0 &&
	       linger.l_onoff && linger.l_linger == 0;
}
