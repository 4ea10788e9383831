/*
 * States that a socket seldom passes through, and the calls that lead there:
 * TCP_REPAIR, a connection that the administrator destroys, a time-out, ends of
 * file without a FIN. What the log must show is told here. Scenarios that need
 * a privilege end well without it.
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/syscall.h>

#include "isolated.h"
#include "sandbox.h"

#include <tcpshadow.h>

static void set_option(int fd, int level, int name, int value)
{
	CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

static long raw(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}

/* Becomes this program anew, with the descriptor; the part is in main(). */
static void become(const char *part, int fd)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	execl("/proc/self/exe", "passages", part, number, (char *)NULL);
	CHECK(!"execl");
}

/* ---- repair --------------------------------------------------------------- */

#ifndef TCP_REPAIR
#define TCP_REPAIR 19
#endif

/* As root alone: CAP_NET_ADMIN, of the first user namespace too. */
static void repair(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &(int){ 1 }, sizeof(int)) <
	    0)
		skip("needs CAP_NET_ADMIN for TCP_REPAIR");
}

static void close_in_repair_is_silent(void)
{
	struct pair pair = make_pair();

	CHECK(write(pair.server, "unread", 6) == 6);
	wait_events(pair.client, POLLIN);
	repair(pair.client);
	reset(pair.client);
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	CHECK(recv(pair.server, (char[1]){ 0 }, 1, MSG_DONTWAIT) == -1);
	CHECK(errno == EAGAIN);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED", pair.client);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", pair.server);
	tell("refuse", "FIN sent");
	tell("refuse", "unread");
	tell("refuse", "[reset-on-close]");
	tell("refuse", "[linger-reset]");
}

static void close_after_repair_sends_a_fin(void)
{
	struct pair pair = make_pair();

	repair(pair.client);
	set_option(pair.client, IPPROTO_TCP, TCP_REPAIR, 0);
	CHECK(close(pair.client) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

/* ---- low water ------------------------------------------------------------ */

static void leave_ten_bytes(const struct pair *pair, int unread)
{
	CHECK(write(pair->client, "0123456789", 10) == 10);
	for (int i = 0, bytes = 0; i < 5000 && bytes < 10; i++) {
		CHECK(ioctl(unread, FIONREAD, &bytes) == 0);
		poll(NULL, 0, 1);
	}
	CHECK(close(unread) == 0);
	tell("expect", "close() = 0, 10 bytes were unread: RST sent");
	tell("expect", "[reset-on-close]");
}

/* poll() does not show them: they are fewer than the program waits for. */
static void bytes_below_the_low_water_mark_are_unread(void)
{
	struct pair pair = make_pair();

	set_option(pair.server, SOL_SOCKET, SO_RCVLOWAT, 100);
	leave_ten_bytes(&pair, pair.server);
}

/* Of a listener that came over an exec, with its mark. */
static void low_water_mark_of_an_inherited_listener(void)
{
	int listener = listener_on(0);

	set_option(listener, SOL_SOCKET, SO_RCVLOWAT, 100);
	become("accept", listener);
}

static void accept_on(int listener)
{
	struct pair pair = { .listener = listener };

	pair.client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(pair.client, port_of(listener)) == 0);
	pair.server = accept(listener, NULL, NULL);
	leave_ten_bytes(&pair, pair.server);
	tell("refuse", "[inherited-listener]");
}

/* ---- inherited and received ----------------------------------------------- */

static void inherited_listener_that_is_used_is_no_leak(void)
{
	become("ask", listener_on(0));
}

static void ask_of(int listener)
{
	CHECK(port_of(listener) > 0);
	set_option(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
	tell("refuse", "[inherited-listener]");
}

/* A descriptor behind other news in one message. */
static void socket_that_comes_with_credentials(void)
{
	struct pair pair = make_pair();
	_Alignas(struct cmsghdr) char control[128] = { 0 };
	struct ucred who = { .pid = getpid(),
			     .uid = getuid(),
			     .gid = getgid() };
	struct iovec part = { (char[]){ "x" }, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = CMSG_SPACE(sizeof(who)) +
						    CMSG_SPACE(sizeof(int)) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int ends[2];
	int fd = -1;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	set_option(ends[1], SOL_SOCKET, SO_PASSCRED, 1);
	*header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_CREDENTIALS,
				    .cmsg_len = CMSG_LEN(sizeof(who)) };
	memcpy(CMSG_DATA(header), &who, sizeof(who));
	header = CMSG_NXTHDR(&message, header);
	*header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS,
				    .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(header), &pair.client, sizeof(int));
	CHECK(sendmsg(ends[0], &message, 0) == 1);
	CHECK(close(pair.client) == 0);
	message.msg_controllen = sizeof(control);
	CHECK(recvmsg(ends[1], &message, 0) == 1);
	for (header = CMSG_FIRSTHDR(&message); header;
	     header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(header), sizeof(int));
	}
	CHECK(fd >= 0 && shutdown(fd, SHUT_WR) == 0);
	tell("expect", "fd %d 127.0.0.1:%d ", fd, port_of(fd));
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
	tell("refuse", "close() = 0, FIN sent");
}

/* ---- destroyed ------------------------------------------------------------ */

/* As `ss -K` does it. */
static void destroy(int fd)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = SOCK_DESTROY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.body = { .sdiag_family = AF_INET,
			  .sdiag_protocol = IPPROTO_TCP,
			  .idiag_states = ~0U,
			  .id = { .idiag_cookie = { ~0U, ~0U } } },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[512];
	} reply;
	struct sockaddr_in ends[2] = { 0 };
	socklen_t length = sizeof(ends[0]);
	int diag = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);

	CHECK(getsockname(fd, (struct sockaddr *)&ends[0], &length) == 0);
	getpeername(fd, (struct sockaddr *)&ends[1], &length);
	request.body.id.idiag_sport = ends[0].sin_port;
	request.body.id.idiag_dport = ends[1].sin_port;
	memcpy(request.body.id.idiag_src, &ends[0].sin_addr, 4);
	memcpy(request.body.id.idiag_dst, &ends[1].sin_addr, 4);
	CHECK(send(diag, &request, sizeof(request), 0) > 0);
	CHECK(recv(diag, &reply, sizeof(reply), 0) > 0);
	CHECK(reply.header.nlmsg_type == NLMSG_ERROR);
	CHECK(close(diag) == 0);
	if (reply.error.error != 0)
		skip("needs a kernel that destroys sockets (ss -K)");
}

static void connection_that_is_destroyed(void)
{
	struct pair pair;
	char byte;

	isolate();
	pair = make_pair();
	destroy(pair.client);
	CHECK(kernel_state(pair.client) == TCP_CLOSE);
	CHECK(read(pair.client, &byte, 1) == -1 && errno == ECONNABORTED);
	CHECK(read(pair.server, &byte, 1) == -1 && errno == ECONNRESET);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED", pair.client);
	tell("expect", "ESTABLISHED -> CLOSED: read() = -1 ECONNRESET, reset "
		       "by the peer");
	tell("expect", "ESTABLISHED -> CLOSED: read() = -1 ECONNABORTED, RST "
		       "sent");
	tell("refuse", "likely");
}

static void listener_that_is_destroyed(void)
{
	int listener;

	isolate();
	listener = listener_on(0);
	destroy(listener);
	CHECK(accept(listener, NULL, NULL) == -1 && errno == EINVAL);
	tell("path", "%d CLOSED>LISTEN>CLOSED", listener);
	tell("expect", "LISTEN -> CLOSED: ");
}

/* ---- timed out ------------------------------------------------------------ */

/* The reason was taken away behind libc: what the kernel has counted tells. */
static void time_out_whose_error_nobody_saw(void)
{
	socklen_t length = sizeof(int);
	struct pair pair;
	int error = 0;

	isolate();
	pair = make_pair();
	deafen(pair.server, 0, 0);
	set_option(pair.client, IPPROTO_TCP, TCP_USER_TIMEOUT, 100);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, POLLHUP);
	CHECK(raw(SYS_getsockopt, pair.client, SOL_SOCKET, SO_ERROR,
		  (long)&error, (long)&length) == 0);
	CHECK(error == ETIMEDOUT);
	CHECK(close(pair.client) == 0);
	tell("expect", "ESTABLISHED -> CLOSED: the peer no longer answers, "
		       "timed out, likely");
	tell("refuse", "reset by the peer");
}

/* ---- sandbox -------------------------------------------------------------- */

static bool shadowed;

#define EXPECTS(fd, state) \
	CHECK(strcmp(tcpshadow_expected(fd), shadowed ? state : "") == 0)

static void end_of_file_in_a_sandbox(void)
{
	struct pair pair = make_pair();
	struct pair other = make_pair();
	struct pair third = make_pair();
	char byte;

	CHECK(shutdown(other.client, SHUT_WR) == 0);
	wait_state(other.client, TCP_FIN_WAIT2);
	CHECK(close(other.server) == 0);
	CHECK(close(third.server) == 0);
	CHECK(read(third.client, &byte, 1) == 0);
	shadowed = tcpshadow_active();
	SANDBOX(SYS_read, SYS_write, SYS_shutdown, SYS_recvmsg);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	EXPECTS(pair.client, "FIN_WAIT_1");
	CHECK(read(pair.server, &byte, 1) == 0);
	EXPECTS(pair.server, "CLOSE_WAIT");
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	EXPECTS(pair.server, "LAST_ACK");
	CHECK(read(pair.client, &byte, 1) == 0);
	EXPECTS(pair.client, "TIME_WAIT");
	CHECK(read(other.client, &byte, 1) == 0);
	EXPECTS(other.client, "TIME_WAIT");
	CHECK(read(third.client, &byte, 1) == 0);
	EXPECTS(third.client, "CLOSE_WAIT");
}

/* Nothing can be asked about it: it is not followed. */
static void socket_that_arrives_in_a_sandbox(void)
{
	struct pair pair = make_pair();
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { (char[]){ "x" }, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int ends[2];
	int fd;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	*header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS,
				    .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(header), &pair.client, sizeof(int));
	CHECK(sendmsg(ends[0], &message, 0) == 1);
	SANDBOX(SYS_read, SYS_write, SYS_shutdown, SYS_recvmsg);
	CHECK(recvmsg(ends[1], &message, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	CHECK(write(fd, "x", 1) == 1);
	CHECK(read(pair.server, control, 1) == 1);
	CHECK(*tcpshadow_expected(fd) == '\0');
}

/* Whoever will not read any more is told that this is the end. */
static void end_of_file_of_ones_own_in_a_sandbox(void)
{
	struct pair before = make_pair();
	struct pair pair = make_pair();
	char byte;

	CHECK(shutdown(before.client, SHUT_RD) == 0);
	shadowed = tcpshadow_active();
	SANDBOX(SYS_read, SYS_write, SYS_shutdown, SYS_recvmsg);
	CHECK(read(before.client, &byte, 1) == 0);
	EXPECTS(before.client, "ESTABLISHED");
	CHECK(shutdown(pair.client, SHUT_RDWR) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	EXPECTS(pair.client, "FIN_WAIT_1");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(close_in_repair_is_silent),
	S(close_after_repair_sends_a_fin),
	S(bytes_below_the_low_water_mark_are_unread),
	S(low_water_mark_of_an_inherited_listener),
	S(inherited_listener_that_is_used_is_no_leak),
	S(socket_that_comes_with_credentials),
	S(connection_that_is_destroyed),
	S(listener_that_is_destroyed),
	S(time_out_whose_error_nobody_saw),
	S(end_of_file_in_a_sandbox),
	S(socket_that_arrives_in_a_sandbox),
	S(end_of_file_of_ones_own_in_a_sandbox),
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "accept") == 0)
		accept_on(atoi(argv[2]));
	else if (argc == 3 && strcmp(argv[1], "ask") == 0)
		ask_of(atoi(argv[2]));
	else
		return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc,
				    argv);
	return 0;
}
