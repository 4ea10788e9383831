/* build: -pthread */
/*
 * Findings that must not be made, and some that are easily missed: calls that
 * fail in unusual ways, sockets that are used again, processes that signals
 * spare. Scenarios that need a privilege say so and end well without it.
 */
#include <linux/close_range.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "isolated.h"

static void set_option(int fd, int name)
{
	int on = 1;

	CHECK(setsockopt(fd, SOL_SOCKET, name, &on, sizeof(on)) == 0);
}

/* dup2() that fails closes nothing. */
static void failing_dup2_closes_nothing(void)
{
	struct pair pair = make_pair();
	struct rlimit limit = { 40, 40 };
	char byte;

	CHECK(fcntl(pair.client, F_DUPFD, 50) == 50 && close(pair.client) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(dup2(0, 50) == -1 && errno == EBADF);
	CHECK(dup3(0, 50, O_CLOEXEC) == -1 && errno == EBADF);
	CHECK(syscall(SYS_dup3, pair.server, 50, 0) == -1 && errno == EBADF);
	CHECK(write(50, "x", 1) == 1 && read(pair.server, &byte, 1) == 1);
	CHECK(close(50) == 0);
	CHECK(read(pair.server, &byte, 1) == 0);
	tell("refuse", "dup2() = -1");
	tell("refuse", "dup3() = -1");
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

/* What went wrong on the connection before is no business of the next one. */
static void connection_made_anew_starts_clean(void)
{
	struct pair pair = make_pair();
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	for (int i = 0; i < 2; i++) {
		CHECK(close(pair.server) == 0);
		wait_events(pair.client, POLLRDHUP);
		CHECK(send(pair.client, "x", 1, MSG_NOSIGNAL) == 1);
		wait_events(pair.client, POLLERR);
		CHECK(send(pair.client, "x", 1, MSG_NOSIGNAL) == -1);
		CHECK(connect(pair.client, &none, sizeof(none)) == 0);
		CHECK(connect_to(pair.client, port_of(pair.listener)) == 0);
		pair.server = accept(pair.listener, NULL, NULL);
	}
	tell("expect", "[write-after-peer-close]");
	tell("refuse", "[epipe-ignored]");
}

/* libpq's good-bye to a server that has gone raises nothing. */
static void doomed_write_of_one_that_wants_no_signal(void)
{
	struct pair pair = make_pair();
	char byte;

	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(send(pair.client, "x", 1, MSG_NOSIGNAL) == 1);
	tell("expect", "and the next write fails with EPIPE");
	tell("refuse", "and the next write raises SIGPIPE");
}

static void first_process_of_a_namespace(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLRDHUP);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, POLLERR);
	CHECK(write(pair.client, "x", 1) == -1 && errno == EPIPE);
	exit(0);
}

/* The kernel spares it: containers run their program so. */
static void sigpipe_spares_the_first_process(void)
{
	int status;
	pid_t child;

	tell("refuse", "[sigpipe-death]");
	tell("refuse", "[sigpipe-unhandled]");
	if (unshare(CLONE_NEWPID) < 0)
		skip("needs root for a namespace of processes");
	child = fork();
	if (child == 0)
		first_process_of_a_namespace();
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	tell("expect", "[write-after-peer-close]");
}

/* EADDRNOTAVAIL because there is no IPv6 address to connect from. */
static void no_ipv6_is_not_want_of_ports(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_port = htons(7000),
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd;

	tell("silent", "no SYN is sent");
	isolate();
	fd = open("/proc/sys/net/ipv6/conf/all/disable_ipv6", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "1", 1) == 1 && close(fd) == 0);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1);
	CHECK(errno == EADDRNOTAVAIL);
}

/* EADDRNOTAVAIL because the connection exists already. */
static void same_connection_is_not_want_of_ports(void)
{
	int listener = listener_on(0);
	struct sockaddr_in address = loopback(0);
	int first = socket(AF_INET, SOCK_STREAM, 0);
	int second = socket(AF_INET, SOCK_STREAM, 0);

	set_option(first, SO_REUSEADDR);
	set_option(second, SO_REUSEADDR);
	CHECK(bind(first, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(connect_to(first, port_of(listener)) == 0);
	address = loopback(port_of(first));
	CHECK(bind(second, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(connect_to(second, port_of(listener)) == -1);
	CHECK(errno == EADDRNOTAVAIL);
	tell("refuse", "[ephemeral-exhausted]");
}

/* syscall() is explained as the name would be. */
static void busy_port_through_syscall(void)
{
	int listener = listener_on(0);
	struct sockaddr_in address = loopback(port_of(listener));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int bound[2];

	CHECK(syscall(SYS_bind, fd, &address, sizeof(address)) == -1);
	CHECK(errno == EADDRINUSE);
	tell("expect", "bind() = -1 EADDRINUSE: 127.0.0.1:%d",
	     port_of(listener));
	address.sin_port = 0;
	for (int i = 0; i < 2; i++) {
		bound[i] = socket(AF_INET, SOCK_STREAM, 0);
		set_option(bound[i], SO_REUSEADDR);
		CHECK(syscall(SYS_bind, bound[i], &address, sizeof(address)) ==
		      0);
		address = loopback(port_of(bound[i]));
	}
	CHECK(syscall(SYS_listen, bound[0], 1) == 0);
	CHECK(syscall(SYS_listen, bound[1], 1) == -1);
	CHECK(errno == EADDRINUSE);
	tell("expect", "listen() = -1 EADDRINUSE: 127.0.0.1:%d",
	     port_of(bound[0]));
	/* The one that fails is on the port too, and no holder of it. */
	tell("expect", "holder: listener LISTEN 127.0.0.1:%d",
	     port_of(bound[0]));
	tell("refuse", "holder: bound CLOSED 127.0.0.1:%d", port_of(bound[0]));
}

static void double_close_through_syscall(void)
{
	struct pair pair = make_pair();

	CHECK(syscall(SYS_close, pair.client) == 0);
	CHECK(syscall(SYS_close, 900) == -1);
	CHECK(syscall(SYS_close, pair.client) == -1 && errno == EBADF);
	tell("expect", "close() of fd %d, a socket that was closed before",
	     pair.client);
}

/* Sockets at first, first + 1, ... as they are given out one after the other. */
static void sockets_from(int first, int count)
{
	for (int fd = first; fd < first + count; fd++) {
		int one = socket(AF_INET, SOCK_STREAM, 0);

		CHECK(one >= 0 && dup2(one, fd) == fd && close(one) == 0);
	}
}

static void double_close_of_a_neighbour(void)
{
	sockets_from(700, 4);
	CHECK(close(700) == 0 && close(701) == 0);
	CHECK(close(700) == -1 && errno == EBADF);
	CHECK(close(703) == 0 && close(702) == 0);
	CHECK(close(703) == -1 && errno == EBADF);
	tell("expect", "close() of fd 700, a socket that was closed before");
	tell("expect", "close() of fd 703, a socket that was closed before");
	tell("findings", "2 double-close");
}

/* As demons do it, up and down. */
static void closing_all_numbers(void)
{
	sockets_from(700, 4);
	for (int fd = 700; fd < 704; fd++)
		CHECK(close(fd) == 0);
	for (int fd = 690; fd < 720; fd++)
		CHECK(close(fd) == -1);
	for (int fd = 720; fd > 690; fd--)
		CHECK(close(fd) == -1);
	close(3);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == 3);
	sockets_from(4, 1);
	CHECK(close(4) == 0);
	close(900);
	for (int fd = 3; fd < 10; fd++)
		close(fd);
	tell("silent", "no socket of them was connected, or closed twice");
}

/* It may be where an error is told, or a pipe to the parent. */
static void closing_all_numbers_but_one(void)
{
	sockets_from(700, 4);
	for (int fd = 700; fd < 704; fd++)
		CHECK(close(fd) == 0);
	CHECK(dup2(0, 701) == 701);
	for (int fd = 690; fd < 720; fd++)
		CHECK(fd == 701 || close(fd) == -1);
	for (int fd = 720; fd > 690; fd--)
		CHECK(fd == 701 || close(fd) == -1);
	close(3);
	CHECK(dup2(0, 4) == 4);
	sockets_from(5, 1);
	CHECK(close(5) == 0);
	close(900);
	for (int fd = 3; fd < 10; fd++)
		CHECK(fd == 4 || close(fd) == -1);
	tell("silent", "no socket of them was connected, or closed twice");
}

/*
 * Where a loop begins does not show: a child may close again what its parent
 * has closed, and not what it has closed itself.
 */
static void child_closes_what_its_parent_has_closed(void)
{
	int status;
	pid_t child;

	sockets_from(700, 3);
	CHECK(close(700) == 0 && close(702) == 0);
	/* Its record is that of one of these now. */
	CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	sockets_from(705, 1);
	CHECK(close(705) == 0);
	child = fork();
	if (child == 0) {
		CHECK(close(705) == -1);
		CHECK(close(700) == -1);
		CHECK(close(701) == 0);
		CHECK(close(900) == -1);
		CHECK(close(701) == -1);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	tell("expect", "close() of fd 701, a socket that was closed before");
	tell("findings", "1 double-close");
}

/* A connection whose listening side closes first; its port. */
static int leave_time_wait(void)
{
	struct pair pair = make_pair();
	int port = port_of(pair.listener);
	char byte;

	CHECK(close(pair.listener) == 0);
	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(close(pair.client) == 0);
	return port;
}

static void fail_to_bind(int port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1);
	CHECK(errno == EADDRINUSE);
	CHECK(close(fd) == 0);
}

/* More have been closed since than records are kept. */
static void time_wait_of_long_ago_is_traced(void)
{
	int port;

	isolate();
	port = leave_time_wait();
	for (int i = 0; i < 1100; i++)
		leave_time_wait();
	fail_to_bind(port);
	tell("expect", "holder: time-wait TIME_WAIT 127.0.0.1:%d", port);
	tell("expect", "  accepted by:");
	tell("expect", "  closed by:");
	tell("expect", "closed sockets were not followed to their end");
}

static void time_wait_of_the_parent_is_traced(void)
{
	int port = leave_time_wait();
	int status;
	pid_t child = fork();

	if (child == 0) {
		fail_to_bind(port);
		exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	tell("expect", "  accepted by:");
	tell("expect", "  closed by:");
}

/* What was set on it before it came to us counts at its close. */
static void received_socket_with_linger_resets(void)
{
	struct pair pair = make_pair();
	struct linger linger = { .l_onoff = 1 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	char byte;
	int ends[2];
	int fd;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	CHECK(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger,
			 sizeof(linger)) == 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &pair.client, sizeof(int));
	CHECK(sendmsg(ends[0], &message, 0) == 1);
	CHECK(close(pair.client) == 0);
	part.iov_base = &byte;
	CHECK(recvmsg(ends[1], &message, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	CHECK(close(fd) == 0);
	CHECK(read(pair.server, &byte, 1) == -1 && errno == ECONNRESET);
	tell("expect", "ESTABLISHED -> CLOSED: close() = 0, RST sent");
	tell("expect", "[linger-reset]");
	tell("refuse", "FIN sent");
}

/* Read to its end, a connection may still be reset before it is closed. */
static void reset_after_the_end_shows_at_the_close(void)
{
	struct pair pair = make_pair();
	struct pair whole = make_pair();
	char byte;

	for (int i = 0; i < 2; i++) {
		struct pair *one = i == 0 ? &pair : &whole;

		CHECK(shutdown(one->client, SHUT_WR) == 0);
		wait_events(one->server, POLLRDHUP);
		CHECK(read(one->server, &byte, 1) == 0);
	}
	reset(pair.client);
	wait_events(pair.server, POLLERR);
	CHECK(close(pair.server) == 0);
	CHECK(close(whole.server) == 0);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT>CLOSED",
	     pair.server);
	tell("path",
	     "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED",
	     whole.server);
}

/* poll() shows the same for both; and what a close does is not the same. */
static void shut_reading_is_not_the_end_by_the_peer(void)
{
	struct pair shut = make_pair();
	struct pair ended = make_pair();
	struct pair unread = make_pair();

	CHECK(shutdown(shut.client, SHUT_RD) == 0);
	tell("expect", "fd %d ", shut.client);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
	tell("refuse",
	     "fd %d 127.0.0.1:%d -> 127.0.0.1:%d ESTABLISHED -> CLOSE_WAIT",
	     shut.client, port_of(shut.client), port_of(shut.listener));
	CHECK(close(shut.client) == 0);
	CHECK(shutdown(ended.server, SHUT_WR) == 0);
	wait_events(ended.client, POLLRDHUP);
	CHECK(close(ended.client) == 0);
	tell("path",
	     "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED",
	     ended.client);
	CHECK(write(unread.server, "unread", 6) == 6);
	CHECK(shutdown(unread.server, SHUT_WR) == 0);
	wait_events(unread.client, POLLRDHUP);
	CHECK(close(unread.client) == 0);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
	     unread.client);
	tell("expect", "CLOSE_WAIT -> CLOSED: close() = 0, 6 bytes were "
		       "unread: RST sent");
}

/* Nothing read, or written, is no end of file: what waits is still there. */
static void nothing_read_is_not_the_end(void)
{
	struct pair pair = make_pair();
	struct pair written = make_pair();
	char byte;

	CHECK(write(pair.server, "unread", 6) == 6);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	wait_events(pair.client, POLLRDHUP);
	CHECK(read(pair.client, &byte, 0) == 0);
	CHECK(close(pair.client) == 0);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
	     pair.client);
	tell("expect", "CLOSE_WAIT -> CLOSED: close() = 0, 6 bytes were "
		       "unread: RST sent");
	CHECK(write(written.server, "late", 4) == 4);
	CHECK(shutdown(written.server, SHUT_WR) == 0);
	wait_events(written.client, POLLRDHUP);
	CHECK(syscall(SYS_write, written.client, "", 0) == 0);
	CHECK(close(written.client) == 0);
	tell("expect", "CLOSE_WAIT -> CLOSED: close() = 0, 4 bytes were "
		       "unread: RST sent");
}

/* As it waits: after data, at the end, in the clear and as TLS 1.3 has it. */
static const char alerts[] = "\x15\x03\x03\x00\x02\x01\x00"
			     "\x17\x03\x03\x00\x13"
			     "0123456789abcdefghi";
enum { ALERTS = sizeof(alerts) - 1 };

static void leave_unread(const struct pair *pair, const char *bytes, int count)
{
	CHECK(write(pair->server, bytes, (size_t)count) == count);
	CHECK(shutdown(pair->server, SHUT_WR) == 0);
	wait_events(pair->client, POLLRDHUP);
	CHECK(close(pair->client) == 0);
	tell("expect",
	     "CLOSE_WAIT -> CLOSED: close() = 0, %d bytes were "
	     "unread: RST sent",
	     count);
}

/* Every TLS client that does not wait for it leaves the peer's good-bye. */
static void unread_alert_of_tls_is_no_loss(void)
{
	struct pair one = make_pair();
	struct pair both = make_pair();

	leave_unread(&one, alerts, 7);
	leave_unread(&both, alerts, ALERTS);
	tell("refuse", "[reset-on-close]");
	tell("refuse", "[server-time-wait]");
}

static void unread_data_beside_an_alert_is_told(void)
{
	struct pair cut = make_pair();
	struct pair data = make_pair();

	leave_unread(&cut, alerts, ALERTS - 1);
	leave_unread(&data, "\x17\x03\x03\x00\x02hi", 7);
	tell("expect",
	     "30 bytes were not read before the close: the kernel sent a "
	     "reset, and the peer, which has closed already, loses something "
	     "only if it still reads [reset-on-close]");
	tell("findings", "2 reset-on-close");
}

/* Nobody closes it but the exit. */
static void unread_data_at_the_end_resets(void)
{
	struct pair pair = make_pair();
	struct pair good_bye = make_pair();
	int copy = dup(pair.client);

	CHECK(copy > 0 && write(pair.server, "unread", 6) == 6);
	CHECK(write(good_bye.server, alerts, ALERTS) == ALERTS);
	wait_events(pair.client, POLLIN);
	wait_events(good_bye.client, POLLIN);
	tell("expect",
	     "6 bytes were not read before the end of the program: the exit "
	     "sends a reset, and the peer may lose what it has not yet read "
	     "[reset-on-close]");
	tell("findings", "1 reset-on-close");
	tell("refuse", "again: ");
}

/* The parent holds what its child leaves unread: nothing ends with the child. */
static void unread_data_at_the_end_of_a_child(void)
{
	struct pair pair = make_pair();
	char bytes[6];
	int status;
	pid_t child;

	CHECK(write(pair.server, "unread", 6) == 6);
	wait_events(pair.client, POLLIN);
	child = fork();
	if (child == 0) {
		CHECK(send(pair.client, "x", 1, MSG_NOSIGNAL) == 1);
		exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(read(pair.client, bytes, 6) == 6);
	CHECK(read(pair.server, bytes, 1) == 1);
	tell("refuse", "[reset-on-close]");
}

static void *close_all_in_own_table(void *unused)
{
	CHECK(close_range(3, ~0U, CLOSE_RANGE_UNSHARE) == 0);
	return unused;
}

/* The other threads keep what the one has closed for itself. */
static void close_range_in_a_table_of_its_own_ends_nothing(void)
{
	struct pair pair = make_pair();
	pthread_t thread;
	char byte;

	CHECK(pthread_create(&thread, NULL, close_all_in_own_table, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(write(pair.client, "x", 1) == 1);
	CHECK(read(pair.server, &byte, 1) == 1);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", pair.server);
}

/* With no descriptor left the kernel cannot be asked who holds it. */
static void shared_close_that_cannot_be_looked_up_is_no_reset(void)
{
	struct pair pair = make_pair();
	struct rlimit limit;
	int null = open("/dev/null", O_RDONLY);
	int ends[2];
	char byte;
	pid_t child;

	CHECK(null >= 0 && pipe(ends) == 0);
	CHECK(write(pair.client, "12345", 5) == 5);
	wait_events(pair.server, POLLIN);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
	}
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = 64;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	while (dup(null) >= 0)
		;
	CHECK(errno == EMFILE);
	CHECK(dup2(null, pair.server) == pair.server);
	close(ends[1]);
	CHECK(waitpid(child, NULL, 0) == child);
	tell("refuse", "were not read before the close");
	tell("refuse", "RST sent");
}

/* getsockopt() calls such a descriptor bad; it is none that was closed. */
static void number_opened_as_a_path_is_open(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.client) == 0);
	CHECK(open("/", O_PATH) == pair.client);
	CHECK(close(pair.client) == 0);
	tell("refuse", "[double-close]");
	tell("refuse", "[use-after-close]");
}

/* The next program knows where the listener comes from, however it began. */
static void listener_over_posix_spawn_is_traced(void)
{
	int listener = listener_on(0);
	char *argv[] = { "true", NULL };
	pid_t child;
	int status;

	CHECK(posix_spawnp(&child, "true", NULL, NULL, argv, environ) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(close(listener) == 0);
	tell("expect", "[inherited-listener]");
	tell("expect", "the listener was made there");
}

static int refused_port;

/* Has its locals reach down to an address, and calls from there. */
static __attribute__((noinline)) void refused_below(char *const *lows)
{
	char *frame = __builtin_frame_address(0);
	volatile char locals[(size_t)(frame - *lows) & ~15UL];
	int fd;

	locals[0] = 0;
	if (lows[1]) {
		refused_below(lows + 1);
	} else {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(connect_to(fd, refused_port) == -1);
		CHECK(close(fd) == 0);
	}
	locals[0]++;
}

/*
 * The second time a call less leads to the same place, at the same height, and
 * what the first has left lies where nothing was written.
 */
static void a_caller_less_is_another_stack(void)
{
	enum { APART = 1024 };
	char *here = (char *)__builtin_frame_address(0) - APART;
	char *lows[] = { here - APART, here - 2 * APART, here - 3 * APART,
			 NULL };
	volatile int times = 2; /* else it would be two calls */
	int fd = listener_on(0);

	refused_port = port_of(fd);
	CHECK(close(fd) == 0);
	for (int i = 0; i < times; i++)
		refused_below(lows + i);
	tell("findings", "2 connect-refused");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(failing_dup2_closes_nothing),
	S(connection_made_anew_starts_clean),
	S(doomed_write_of_one_that_wants_no_signal),
	S(sigpipe_spares_the_first_process),
	S(no_ipv6_is_not_want_of_ports),
	S(same_connection_is_not_want_of_ports),
	S(busy_port_through_syscall),
	S(double_close_through_syscall),
	S(double_close_of_a_neighbour),
	S(closing_all_numbers),
	S(closing_all_numbers_but_one),
	S(child_closes_what_its_parent_has_closed),
	S(time_wait_of_long_ago_is_traced),
	S(time_wait_of_the_parent_is_traced),
	S(listener_over_posix_spawn_is_traced),
	S(a_caller_less_is_another_stack),
	S(received_socket_with_linger_resets),
	S(reset_after_the_end_shows_at_the_close),
	S(number_opened_as_a_path_is_open),
	S(close_range_in_a_table_of_its_own_ends_nothing),
	S(shared_close_that_cannot_be_looked_up_is_no_reset),
	S(nothing_read_is_not_the_end),
	S(unread_alert_of_tls_is_no_loss),
	S(unread_data_at_the_end_resets),
	S(unread_data_at_the_end_of_a_child),
	S(unread_data_beside_an_alert_is_told),
	S(shut_reading_is_not_the_end_by_the_peer),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
