/* build: -pthread */
/* Options and numbers that decide what a close, or an accept, means. */
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "torture.h"

static char buffer[16];

/* --- options
 * --------------------------------------------------------------------- */

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static void a_listener_that_opens_fast(void)
{
	struct pair pairs[2];

	pairs[0].listener = listener_on(0);
	SHOW(set(pairs[0].listener, IPPROTO_TCP, TCP_FASTOPEN, 5));
	for (int i = 0; i < 2; i++) {
		struct pair *pair = &pairs[i];

		pair->client = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(connect_to(pair->client, port_of(pairs[0].listener)) ==
		      0);
		SHOW(pair->server = accept(pairs[0].listener, NULL, NULL));
		exchange(pair, 1);
		tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", pair->server);
	}
}

/* Fewer bytes than the mark are not announced; but left unread they reset. */
static void unread_bytes_below_the_low_water_mark(void)
{
	struct pair pair = make_pair();

	SHOW(set(pair.server, SOL_SOCKET, SO_RCVLOWAT, 10));
	CHECK(write(pair.client, "x", 1) == 1);
	SHOW(recv(pair.server, buffer, 1, MSG_PEEK));
	SHOW(close(pair.server));
	wait_events(pair.client, POLLERR);
	SHOW(read(pair.client, buffer, 1));
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSED", pair.server);
}

/* The mark comes from the listener. */
static void unread_bytes_below_an_inherited_mark(void)
{
	struct pair pair = { .listener = listener_on(0) };

	SHOW(set(pair.listener, SOL_SOCKET, SO_RCVLOWAT, 10));
	pair.client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(pair.client, port_of(pair.listener)) == 0);
	CHECK(write(pair.client, "x", 1) == 1);
	SHOW(pair.server = accept(pair.listener, NULL, NULL));
	SHOW(recv(pair.server, buffer, 1, MSG_PEEK));
	SHOW(close(pair.server));
	wait_events(pair.client, POLLERR);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSED", pair.server);
}

/* Closed in repair it sends nothing: the peer learns of no end. */
static void a_connection_that_is_repaired(void)
{
	struct pair pair = make_pair();

	if (set(pair.client, IPPROTO_TCP, TCP_REPAIR, 1) < 0)
		skip("needs CAP_NET_ADMIN for TCP_REPAIR");
	SHOW(close(pair.client));
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED", pair.client);
}

/* --- sockets that somebody else holds, too
 * ------------------------------------------ */

static void a_shared_socket_that_was_never_connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int pipes[2];
	pid_t child;

	CHECK(pipe(pipes) == 0);
	child = fork();
	if (child == 0) {
		close(pipes[1]);
		_exit(read(pipes[0], buffer, 1) == 0 ? 0 : 1);
	}
	SHOW(close(fd));
	SHOW(close(fd));
	close(pipes[1]);
	CHECK(waitpid(child, NULL, 0) == child);
	tell("findings", "1 double-close");
	tell("refuse", "CLOSED");
}

/* --- calls that the kernel refuses
 * --------------------------------------------------- */

/* So does a sandbox around the program, or an older kernel. */
static void refuse_ranges(bool seen)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (seen)
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ==
		      0);
	else
		CHECK(raw_syscall(SYS_prctl, PR_SET_SECCOMP,
				  SECCOMP_MODE_FILTER, (long)&program) == 0);
}

static void expect_end_at(const struct pair *pair, int copy)
{
	SHOW(close(pair->client));
	CHECK(kernel_state(pair->server) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair->client);
	SHOW(close(copy));
	tell("expect", "fd %d ", copy);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

static void ranges_that_the_kernel_does_not_know(void)
{
	struct pair pair = make_pair();

	CHECK(dup2(pair.client, 40) == 40);
	refuse_ranges(false);
	SHOW(close_range(40, ~0U, 0));
	SHOW(close_range(pair.server, pair.server, 0));
	SHOW(syscall(SYS_close_range, 40, ~0U, 0));
	exchange(&pair, 1);
	expect_end_at(&pair, 40);
}

/* In the program's own sandbox nothing can be asked beforehand. */
static void ranges_that_its_own_sandbox_refuses(void)
{
	struct pair pair = make_pair();

	refuse_ranges(true);
	SHOW(close_range(3, ~0U, 0));
	SHOW(syscall(SYS_close_range, 3, ~0U, 0));
	exchange(&pair, 1);
	end_pair(&pair);
	SHOW(close_range(3, ~0U, 0));
	SHOW(close(pair.client));
	tell("refuse", "FIN_WAIT_1");
	tell("findings", "0 double-close");
}

/* Numbers that are open, and not to be given out any more. */
static void copies_beyond_the_limit(void)
{
	struct rlimit limit = { .rlim_cur = 3, .rlim_max = 100 };
	struct pair pair = make_pair();
	struct pair other = make_pair();

	CHECK(dup2(pair.client, 40) == 40);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	SHOW(dup2(other.client, 40));
	SHOW(dup3(other.client, 40, O_CLOEXEC));
	SHOW(syscall(SYS_dup3, other.client, 40, 0));
	SHOW(dup2(other.client, pair.server));
	exchange(&pair, 1);
	limit.rlim_cur = 100;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	expect_end_at(&pair, 40);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT", pair.server);
	SHOW(read(pair.server, buffer, 1));
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(a_listener_that_opens_fast),
	S(unread_bytes_below_the_low_water_mark),
	S(unread_bytes_below_an_inherited_mark),
	S(a_connection_that_is_repaired),
	S(a_shared_socket_that_was_never_connected),
	S(ranges_that_the_kernel_does_not_know),
	S(ranges_that_its_own_sandbox_refuses),
	S(copies_beyond_the_limit),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
