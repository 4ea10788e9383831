#include "kernel/diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/borrow.h"
#include "kernel/raw.h"
#include "kernel/socket.h"

/* All of <linux/tcp_states.h>, and TCP_BOUND_INACTIVE (13). */
enum {
	ALL_STATES = 0x1fff | 1 << 13,
	LISTEN_STATE = 1 << 10,
	TIMER_TIME_WAIT = 3
};

int diag_open(void)
{
	return (int)raw_call3(SYS_socket, AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
			      NETLINK_SOCK_DIAG);
}

uint64_t diag_namespace(void)
{
	uint64_t mask = borrow_begin();
	int diag = diag_open();
	uint64_t here = 0;

	if (diag >= 0) {
		here = kernel_socket_namespace(diag);
		raw_close(diag);
	}
	borrow_end(mask);
	return here;
}

static long diag_send(long fd, const void *request, size_t length)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return raw_call6(SYS_sendto, fd, (long)request, (long)length, 0,
			 (long)&kernel, sizeof(kernel));
}

/*
 * The kernel answers before the request returns, and goes on with a dump while
 * it is read: there is nothing to wait for. Waiting would be for ever, should a
 * thread of the host that uses a number after its close have taken the answer.
 */
static long diag_receive(long fd, void *reply, size_t size)
{
	return raw_call6(SYS_recvfrom, fd, (long)reply, (long)size,
			 MSG_DONTWAIT, 0, 0);
}

static void fill_address(struct address *address, int family,
			 const __be32 *bytes, __be16 port)
{
	memset(address, 0, sizeof(*address));
	memcpy(address->bytes, bytes, family == AF_INET ? 4 : 16);
	address->family = (uint16_t)family;
	address->port = ntohs(port);
}

/* The attribute of that type, NULL when there is none of at least size. */
static const void *find_attribute(const struct nlmsghdr *header, int type,
				  size_t size)
{
	const char *at = (const char *)NLMSG_DATA(header) +
			 NLMSG_ALIGN(sizeof(struct inet_diag_msg));
	const char *end = (const char *)header + header->nlmsg_len;

	while (at + sizeof(struct rtattr) <= end) {
		const struct rtattr *attribute = (const void *)at;

		if (attribute->rta_len < sizeof(*attribute) ||
		    at + attribute->rta_len > end)
			return NULL;
		if (attribute->rta_type == type)
			return RTA_PAYLOAD(attribute) < size
				       ? NULL
				       : RTA_DATA(attribute);
		at += RTA_ALIGN(attribute->rta_len);
	}
	return NULL;
}

static bool read_v6only(const struct nlmsghdr *header)
{
	const uint8_t *v6only = find_attribute(header, INET_DIAG_SKV6ONLY, 1);

	return v6only && *v6only != 0;
}

static void fill_activity(struct diag_activity *activity,
			  const struct nlmsghdr *header)
{
	/* Older kernels give a shorter one: up to what is read here. */
	const struct tcp_info *info =
		find_attribute(header, INET_DIAG_INFO,
			       offsetof(struct tcp_info, tcpi_delivery_rate));

	memset(activity, 0, sizeof(*activity));
	if (!info)
		return;
	activity->known = true;
	activity->sent = info->tcpi_data_segs_out > 0;
	activity->received = info->tcpi_data_segs_in > 0;
	activity->since_sent = info->tcpi_last_data_sent;
	activity->since_received = info->tcpi_last_data_recv;
	activity->since_heard = info->tcpi_last_ack_recv;
}

static void fill_row(struct diag_row *row, const struct nlmsghdr *header)
{
	const struct inet_diag_msg *message = NLMSG_DATA(header);
	int family = message->idiag_family;

	memset(row, 0, sizeof(*row));
	fill_address(&row->local, family, message->id.idiag_src,
		     message->id.idiag_sport);
	fill_address(&row->peer, family, message->id.idiag_dst,
		     message->id.idiag_dport);
	row->state = state_from_kernel(message->idiag_state);
	row->timed = message->idiag_timer == TIMER_TIME_WAIT;
	row->expires = message->idiag_expires;
	row->inode = message->idiag_inode;
	row->uid = message->idiag_uid;
	row->cookie = (uint64_t)message->id.idiag_cookie[1] << 32 |
		      message->id.idiag_cookie[0];
	row->receive_queue = message->idiag_rqueue;
	row->send_queue = message->idiag_wqueue;
	row->v6only = read_v6only(header);
}

/* Is header a whole inet_diag_msg? */
static bool is_row(const struct nlmsghdr *header)
{
	return (header->nlmsg_type == SOCK_DIAG_BY_FAMILY ||
		header->nlmsg_type == TCPDIAG_GETSOCK) &&
	       header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg));
}

static int error_of(const struct nlmsghdr *header)
{
	const struct nlmsgerr *error = NLMSG_DATA(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ||
	    error->error >= 0)
		return -EPROTO;
	return error->error;
}

static int find(int fd, const struct address *local, const struct address *peer,
		struct diag_row *row, struct diag_activity *activity)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST },
		.body = { .sdiag_family = (uint8_t)local->family,
			  .sdiag_protocol = IPPROTO_TCP,
			  .idiag_ext = activity ? 1 << (INET_DIAG_INFO - 1) : 0,
			  .idiag_states = ALL_STATES,
			  .id = { .idiag_sport = htons(local->port),
				  .idiag_dport = htons(peer->port),
				  .idiag_cookie = { INET_DIAG_NOCOOKIE,
						    INET_DIAG_NOCOOKIE } } },
	};
	_Alignas(struct nlmsghdr) char reply[1024];
	const struct nlmsghdr *header = (const void *)reply;
	long got;

	if (local->family == 0 || peer->family != local->family)
		return 0;
	memcpy(request.body.id.idiag_src, local->bytes, 16);
	memcpy(request.body.id.idiag_dst, peer->bytes, 16);
	got = diag_send(fd, &request, sizeof(request));
	if (got >= 0)
		got = diag_receive(fd, reply, sizeof(reply));
	if (got < 0)
		return (int)got;
	if (!NLMSG_OK(header, (size_t)got))
		return -EPROTO;
	if (header->nlmsg_type == NLMSG_ERROR)
		return error_of(header) == -ENOENT ? 0 : error_of(header);
	if (!is_row(header))
		return -EPROTO;
	fill_row(row, header);
	if (activity)
		fill_activity(activity, header);
	return 1;
}

int diag_find_with(int fd, const struct address *local,
		   const struct address *peer, struct diag_row *row)
{
	return find(fd, local, peer, row, NULL);
}

int diag_activity_with(int fd, const struct address *local,
		       const struct address *peer, struct diag_row *row,
		       struct diag_activity *activity)
{
	return find(fd, local, peer, row, activity);
}

int diag_find(const struct address *local, const struct address *peer,
	      struct diag_row *row)
{
	uint64_t mask = borrow_begin();
	int fd = diag_open();
	int found = fd;

	if (fd >= 0) {
		found = diag_find_with(fd, local, peer, row);
		raw_close(fd);
	}
	borrow_end(mask);
	return found;
}

/*
 * One pass over the kernel's table, filtered there: the first operation holds
 * for ports not below `port`, the second for those not above it. The older
 * request type is used because it alone takes both families in one pass
 * (inet_diag_rcv_msg_compat).
 */
static int dump(long fd, bool peer, uint16_t port, uint32_t states,
		bool (*each)(const struct diag_row *, void *), void *argument,
		void *reply)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req body;
		struct rtattr attribute;
		struct inet_diag_bc_op filter[4];
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = TCPDIAG_GETSOCK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .idiag_family = AF_UNSPEC, .idiag_states = states },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(request.filter)),
			       .rta_type = INET_DIAG_REQ_BYTECODE },
		/* yes: next operation; no: past the end, which refuses */
		.filter = { { peer ? INET_DIAG_BC_D_GE : INET_DIAG_BC_S_GE, 8,
			      20 },
			    { 0, 0, port },
			    { peer ? INET_DIAG_BC_D_LE : INET_DIAG_BC_S_LE, 8,
			      12 },
			    { 0, 0, port } },
	};
	bool wanted = true;
	int rows = 0;
	long got = diag_send(fd, &request, sizeof(request));

	if (got < 0)
		return (int)got;
	for (;;) {
		const struct nlmsghdr *header = reply;
		/* Signed: the padding after the last row may be missing. */
		long left;

		got = diag_receive(fd, reply, DIAG_REPLY_SIZE);
		if (got < 0)
			return (int)got;
		left = got;
		for (; NLMSG_OK(header, left);
		     header = NLMSG_NEXT(header, left)) {
			struct diag_row row;

			if (header->nlmsg_type == NLMSG_DONE)
				return rows;
			if (header->nlmsg_type == NLMSG_ERROR)
				return error_of(header);
			if (!is_row(header) || !wanted)
				continue;
			fill_row(&row, header);
			rows++;
			wanted = each(&row, argument);
		}
	}
}

static int open_and_dump(bool peer, uint16_t port, uint32_t states,
			 bool (*each)(const struct diag_row *, void *),
			 void *argument, void *reply)
{
	uint64_t mask = borrow_begin();
	int fd = diag_open();
	int rows = fd;

	if (fd >= 0) {
		rows = dump(fd, peer, port, states, each, argument, reply);
		raw_close(fd);
	}
	borrow_end(mask);
	return rows;
}

int diag_port(uint16_t port, enum diag_states states,
	      bool (*each)(const struct diag_row *, void *), void *argument,
	      void *reply)
{
	return open_and_dump(false, port,
			     states == DIAG_LISTENING ? LISTEN_STATE
						      : ALL_STATES,
			     each, argument, reply);
}

int diag_peer_port(uint16_t port, bool (*each)(const struct diag_row *, void *),
		   void *argument, void *reply)
{
	return open_and_dump(true, port, ALL_STATES, each, argument, reply);
}
