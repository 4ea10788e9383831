/* build: -pthread */
/*
 * Programs that make system calls by libc's syscall(): what becomes of the
 * sockets is followed all the same.
 */
#include <linux/close_range.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "torture.h"

static char buffer[16] = "abc";
static struct iovec part = { buffer, 3 };
static struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static int socket_by_number(void)
{
	return (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

/* --- a life
 * ------------------------------------------------------------------- */

static void a_connection_from_birth_to_end(void)
{
	struct sockaddr_in here = loopback(0);
	socklen_t length = sizeof(here);
	int listener = socket_by_number();
	int client = socket_by_number();
	int server;

	SHOW(syscall(SYS_bind, listener, &here, sizeof(here)));
	SHOW(syscall(SYS_listen, listener, 1));
	SHOW(syscall(SYS_getsockname, listener, &here, &length));
	SHOW(syscall(SYS_connect, client, &here, sizeof(here)));
	SHOW(server = (int)syscall(SYS_accept4, listener, NULL, NULL, 0));
	SHOW(syscall(SYS_write, client, buffer, 3));
	SHOW(syscall(SYS_writev, client, &part, 1));
	SHOW(syscall(SYS_sendto, client, buffer, 3, 0, NULL, 0));
	SHOW(syscall(SYS_sendmsg, client, &message, 0));
	SHOW(syscall(SYS_write, client, buffer, 0));
	SHOW(syscall(SYS_read, server, buffer, 3));
	SHOW(syscall(SYS_readv, server, &part, 1));
	SHOW(syscall(SYS_recvfrom, server, buffer, 3, 0, NULL, NULL));
	SHOW(syscall(SYS_recvmsg, server, &message, 0));
	SHOW(syscall(SYS_shutdown, client, SHUT_WR));
	SHOW(syscall(SYS_read, server, buffer, 3));
	SHOW(syscall(SYS_shutdown, server, SHUT_WR));
	SHOW(syscall(SYS_close, server));
	SHOW(syscall(SYS_close, client));
	SHOW(syscall(SYS_close, listener));
	SHOW(syscall(SYS_close, 1000));
	tell("expect", "CLOSED -> SYN_SENT: connect() = 0, SYN sent");
	tell("expect", "SYN_SENT -> ESTABLISHED: connect() = 0");
	tell("expect", "SYN_RCVD -> ESTABLISHED: accept4() = %d", server);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
	tell("expect", "ESTABLISHED -> CLOSE_WAIT: read() = 0");
	tell("expect", "CLOSE_WAIT -> LAST_ACK: shutdown() = 0, FIN sent");
	tell("expect", "LISTEN -> CLOSED: close() = 0");
	tell("refuse", "[blind-spot]");
}

#ifdef SYS_accept
static void accept_without_flags(void)
{
	int listener = listener_on(0);
	int client = socket_by_number();
	int server;

	CHECK(connect_to(client, port_of(listener)) == 0);
	SHOW(server = (int)syscall(SYS_accept, listener, NULL, NULL));
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", server);
	SHOW(syscall(SYS_accept, 1000, NULL, NULL));
	SHOW(syscall(SYS_accept, client, NULL, NULL));
}
#endif

static void a_connection_that_is_refused(void)
{
	int listener = listener_on(0);
	struct sockaddr_in to = loopback(port_of(listener));
	int client = socket_by_number();

	CHECK(close(listener) == 0);
	SHOW(syscall(SYS_connect, client, &to, sizeof(to)));
	SHOW(syscall(SYS_connect, 1000, &to, sizeof(to)));
	SHOW(syscall(SYS_connect, client, (void *)1, sizeof(to)));
	tell("path", "%d CLOSED>SYN_SENT>CLOSED", client);
	tell("expect", "SYN_SENT -> CLOSED: connect() = -1 ECONNREFUSED");
}

/* The peer's FIN came first, and no call has told it. */
static void shutdown_after_the_peer(void)
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	wait_events(pair.client, POLLRDHUP);
	SHOW(syscall(SYS_shutdown, pair.client, SHUT_WR));
	tell("expect", "ESTABLISHED -> CLOSE_WAIT: ");
	tell("expect", "CLOSE_WAIT -> LAST_ACK: shutdown() = 0, FIN sent");
	SHOW(syscall(SYS_shutdown, pair.listener, SHUT_RD));
	tell("expect", "LISTEN -> CLOSED: shutdown() = 0");
	SHOW(syscall(SYS_shutdown, pair.listener, 9));
}

static void writes_to_a_peer_that_has_gone(void)
{
	struct pair pair = make_pair();

	signal(SIGPIPE, count_signal);
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLRDHUP);
	SHOW(syscall(SYS_write, pair.client, buffer, 3));
	wait_events(pair.client, POLLERR);
	SHOW(syscall(SYS_sendto, pair.client, buffer, 3, 0, NULL, 0));
	SHOW(syscall(SYS_sendmsg, pair.client, &message, 0));
	SHOW(syscall(SYS_writev, pair.client, &part, 1));
	SHOW(signals);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
	     pair.client);
	tell("expect", "CLOSED: write() = -1 EPIPE");
}

/* --- copies of a number
 * --------------------------------------------------------- */

/* The copy is the connection's last number: its close is the end. */
static void expect_end_at(const struct pair *pair, int client, int copy)
{
	SHOW(syscall(SYS_close, client));
	CHECK(kernel_state(pair->server) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", client);
	SHOW(syscall(SYS_close, copy));
	wait_state(pair->server, TCP_CLOSE_WAIT);
	tell("expect", "fd %d ", copy);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
	tell("refuse", "[blind-spot]");
}

static void copies_by_dup(void)
{
	struct pair pair = make_pair();
	int copy;

	SHOW(copy = (int)syscall(SYS_dup, pair.client));
	expect_end_at(&pair, pair.client, copy);
	SHOW(syscall(SYS_dup, 1000));
}

static void copies_by_dup3(void)
{
	struct pair pair = make_pair();

	SHOW(syscall(SYS_dup3, pair.client, 40, O_CLOEXEC));
	SHOW(syscall(SYS_dup3, pair.client, pair.client, 0));
	SHOW(syscall(SYS_dup3, pair.client, -1, 0));
	expect_end_at(&pair, pair.client, 40);
}

static void copies_by_fcntl(void)
{
	struct pair pair = make_pair();

	SHOW(syscall(SYS_fcntl, pair.client, F_DUPFD, 40));
	SHOW(syscall(SYS_fcntl, pair.client, F_DUPFD_CLOEXEC, 41));
	SHOW(syscall(SYS_fcntl, pair.client, F_GETFD));
	SHOW(syscall(SYS_fcntl, pair.client, F_DUPFD, -1));
	SHOW(syscall(SYS_close, 41));
	expect_end_at(&pair, pair.client, 40);
}

static void copies_by_pidfd_getfd(void)
{
	struct pair pair = make_pair();
	int pidfd = pidfd_open(getpid(), 0);
	int copy;

	SHOW(copy = (int)syscall(SYS_pidfd_getfd, pidfd, pair.client, 0));
	if (copy >= 0)
		expect_end_at(&pair, pair.client, copy);
	SHOW(syscall(SYS_pidfd_getfd, pidfd, 1000, 0));
}

#ifdef SYS_dup2
static void copies_by_dup2(void)
{
	struct pair pair = make_pair();

	SHOW(syscall(SYS_dup2, pair.client, 40));
	SHOW(syscall(SYS_dup2, pair.client, pair.client) == pair.client);
	SHOW(syscall(SYS_dup2, 40, 40));
	SHOW(syscall(SYS_dup2, 1000, 1000));
	SHOW(syscall(SYS_dup2, 1000, 40));
	SHOW(syscall(SYS_dup2, pair.client, -1));
	expect_end_at(&pair, pair.client, 40);
}
#endif

static void a_socket_is_replaced_by_another(void)
{
	struct pair pair = make_pair();
	struct pair other = make_pair();

	SHOW(syscall(SYS_dup3, other.client, pair.client, 0));
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "fd %d ", pair.client);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: dup2() = %d, FIN sent",
	     pair.client);
	tell("refuse", "[blind-spot]");
	expect_end_at(&other, other.client, pair.client);
}

static void a_socket_is_replaced_by_a_file(void)
{
	struct pair pair = make_pair();

	SHOW(syscall(SYS_dup3, 0, pair.client, 0));
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: dup2() = %d, FIN sent",
	     pair.client);
	tell("refuse", "[blind-spot]");
}

/* The call fails: both numbers lead to the socket as before. */
static void a_copy_that_fails(void)
{
	struct pair pair = make_pair();
	struct pair other = make_pair();

	CHECK(dup2(pair.client, 40) == 40);
	SHOW(syscall(SYS_dup3, other.client, 40, 12345));
	SHOW(syscall(SYS_dup3, 1000, 40, 0));
	SHOW(syscall(SYS_dup3, other.client, pair.server, 12345));
	expect_end_at(&pair, pair.client, 40);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT", pair.server);
	SHOW(read(pair.server, buffer, 1));
}

/* --- ranges
 * ----------------------------------------------------------------------- */

static void a_range_is_closed(void)
{
	struct pair pair = make_pair();

	CHECK(dup2(pair.client, 40) == 40);
	CHECK(dup2(pair.client, 41) == 41);
	CHECK(close(pair.client) == 0);
	SHOW(syscall(SYS_close_range, 40, 40, 0));
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	SHOW(syscall(SYS_close_range, 39, ~0U, 0));
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "fd 41 ");
	tell("expect",
	     "ESTABLISHED -> FIN_WAIT_1: close_range() = 0, FIN sent");
	tell("refuse", "fd 40 ");
}

static void a_range_that_is_not_closed(void)
{
	struct pair pair = make_pair();

	CHECK(dup2(pair.client, 40) == 40);
	SHOW(syscall(SYS_close_range, 40, 40, 64));
	SHOW(syscall(SYS_close_range, pair.server, pair.server, 64));
	SHOW(syscall(SYS_close_range, 40, 3, 0));
	SHOW(syscall(SYS_close_range, 3, 100, CLOSE_RANGE_CLOEXEC));
	expect_end_at(&pair, pair.client, 40);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT", pair.server);
	SHOW(read(pair.server, buffer, 1));
}

/* --- processes
 * --------------------------------------------------------------------- */

#ifdef SYS_fork
/* The child lives until the pipe is closed, and holds the connection. */
static void a_child_by_fork(void)
{
	struct pair pair = make_pair();
	int pipes[2];
	long child;

	CHECK(pipe(pipes) == 0);
	child = syscall(SYS_fork);
	if (child == 0) {
		close(pipes[1]);
		CHECK(read(pipes[0], buffer, 1) == 0);
		_exit(0);
	}
	CHECK(child > 0);
	SHOW(syscall(SYS_close, pair.client));
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
	CHECK(close(pipes[1]) == 0);
	CHECK(waitpid((pid_t)child, NULL, 0) == child);
}
#endif

static void io_uring_is_set_up(void)
{
	struct io_uring_params parameters = { .flags = 0 };
	struct pair pair = make_pair();
	long ring;

	SHOW(syscall(SYS_io_uring_setup, 1, (void *)1));
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
	ring = syscall(SYS_io_uring_setup, 1, &parameters);
	printf("ring %d\n", ring >= 0);
	if (ring >= 0)
		tell("expect", "the program uses io_uring");
	else
		tell("refuse", "[blind-spot]");
	CHECK(syscall(SYS_close, pair.client) == 0);
}

/* As liburing does it. */
static void io_uring_is_set_up_without_libc(void)
{
	struct io_uring_params parameters = { .flags = 0 };

	make_pair();
	if (raw_syscall(SYS_io_uring_setup, 1, (long)&parameters, 0) < 0)
		skip("needs io_uring");
	tell("expect", "the program uses io_uring");
}

/* --- sandboxes that come to nothing
 * ------------------------------------------------ */

static void expect_all_goes_on(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.client) == 0);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

/* So libraries find out what the kernel can do. */
static void a_sandbox_is_asked_for(void)
{
	SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
	SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1, NULL));
	SHOW(syscall(SYS_seccomp, 99, 0, NULL));
	SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL));
	SHOW(prctl(PR_GET_SECCOMP));
	expect_all_goes_on();
	tell("refuse", "[blind-spot]");
}

static void a_sandbox_is_refused(void)
{
	struct sock_fprog program = { .len = 0 };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
	SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (void *)1));
	SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL));
	SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	SHOW(prctl(PR_SET_SECCOMP, 99, 0));
	tell("expect", "the seccomp filter was refused");
	expect_all_goes_on();
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(a_connection_from_birth_to_end),
#ifdef SYS_accept
	S(accept_without_flags),
#endif
	S(a_connection_that_is_refused),
	S(shutdown_after_the_peer),
	S(writes_to_a_peer_that_has_gone),
	S(copies_by_dup),
#ifdef SYS_dup2
	S(copies_by_dup2),
#endif
	S(copies_by_dup3),
	S(copies_by_fcntl),
	S(copies_by_pidfd_getfd),
	S(a_socket_is_replaced_by_another),
	S(a_socket_is_replaced_by_a_file),
	S(a_copy_that_fails),
	S(a_range_is_closed),
	S(a_range_that_is_not_closed),
#ifdef SYS_fork
	S(a_child_by_fork),
#endif
	S(io_uring_is_set_up),
	S(io_uring_is_set_up_without_libc),
	S(a_sandbox_is_asked_for),
	S(a_sandbox_is_refused),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
