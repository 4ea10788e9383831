/* build: -pthread */
/*
 * Seccomp filters that allow the calls of this program and kill for any other:
 * the library must make none of its own, and replace none.
 */
#include <sys/resource.h>
#include <sys/uio.h>

#include "sandbox.h"
#include "torture.h"

static bool by_syscall;

#define ALLOW(...) \
	sandbox((const int[]){ __VA_ARGS__, SYS_exit_group, -1 }, by_syscall)

/* No call but write. */
static void say(const char *text)
{
	CHECK(write(1, text, strlen(text)) >= 0);
}

static void data_on_an_open_connection(void)
{
	struct pair pair = make_pair();
	struct iovec part = { "abc", 3 };
	char got[8];

	ALLOW(SYS_read, SYS_write, SYS_writev, SYS_close);
	exchange(&pair, 1);
	CHECK(writev(pair.client, &part, 1) == 3);
	read_all(pair.server, got, 3);
	CHECK(close(pair.client) == 0);
	CHECK(read(pair.server, got, 1) == 0);
	CHECK(write(pair.server, "x", 1) == 1);
	CHECK(close(pair.server) == 0);
	CHECK(close(pair.listener) == 0);
	CHECK(close(pair.listener) == -1);
	CHECK(read(pair.server, got, 1) == -1);
	say("intact\n");
}

/* Writes on credit (sock_spend) must end with the sandbox too. */
static void after_writes_in_quick_succession(void)
{
	struct pair pair = make_pair();
	char got[8];

	for (int i = 0; i < 500; i++) {
		CHECK(write(pair.client, "x", 1) == 1);
		read_all(pair.server, got, 1);
	}
	ALLOW(SYS_read, SYS_write);
	for (int i = 0; i < 50; i++) {
		CHECK(write(pair.client, "x", 1) == 1);
		read_all(pair.server, got, 1);
	}
	say("intact\n");
}

static void the_same_installed_by_syscall(void)
{
	by_syscall = true;
	data_on_an_open_connection();
}

static void strict_mode(void)
{
	struct pair pair = make_pair();

	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
	exchange(&pair, 1);
	say("intact\n");
	syscall(SYS_exit, 0);
}

/* The first socket of the process, and many: nowhere to put them. */
static void sockets_are_made_inside(void)
{
	struct pair pairs[30];

	ALLOW(SYS_read, SYS_write, SYS_close, SYS_socket, SYS_bind, SYS_listen,
	      SYS_connect, SYS_accept, SYS_getsockname);
	for (int i = 0; i < 30; i++)
		pairs[i] = make_pair();
	for (int i = 0; i < 30; i++)
		exchange(&pairs[i], i);
	for (int i = 0; i < 30; i++)
		end_pair(&pairs[i]);
	for (int i = 0; i < 600; i++) {
		struct pair pair = make_pair();

		exchange(&pair, i);
		end_pair(&pair);
	}
	say("intact\n");
}

static void numbers_are_copied_inside(void)
{
	struct pair pair = make_pair();
	struct pair other = make_pair();

	ALLOW(SYS_read, SYS_write, SYS_close, SYS_dup, SYS_dup2, SYS_dup3);
	CHECK(dup(pair.client) >= 0);
	CHECK(dup2(other.client, pair.client) == pair.client);
	CHECK(dup3(other.server, pair.server, 0) == pair.server);
	exchange(&pair, 1);
	CHECK(dup2(999, pair.client) == -1);
	exchange(&other, 1);
	say("intact\n");
}

static void connections_are_changed_inside(void)
{
	struct pair pair = make_pair();
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int error;
	socklen_t length = sizeof(error);
	char byte;

	signal(SIGPIPE, SIG_IGN);
	ALLOW(SYS_read, SYS_write, SYS_close, SYS_connect, SYS_shutdown,
	      SYS_setsockopt, SYS_getsockopt, SYS_socket, SYS_sendto,
	      SYS_recvfrom);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(getsockopt(pair.client, SOL_SOCKET, SO_ERROR, &error, &length) ==
	      0);
	CHECK(connect(pair.client, &none, sizeof(none)) == 0);
	CHECK(recv(pair.server, &byte, 1, 0) == -1 && errno == ECONNRESET);
	CHECK(send(pair.server, "x", 1, 0) == -1 && errno == EPIPE);
	reset(pair.server);
	CHECK(close(pair.client) == 0);
	say("intact\n");
}

/* Calls that know no MSG_NOSIGNAL, on a connection that is gone. */
static void writes_that_know_no_flag_inside(void)
{
	struct pair pair = make_pair();
	struct iovec part = { "x", 1 };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &part,
						.msg_iovlen = 1 } };

	signal(SIGPIPE, SIG_IGN);
	exchange(&pair, 1);
	ALLOW(SYS_read, SYS_write, SYS_close, SYS_pwritev2, SYS_sendmmsg,
	      SYS_poll);
	CHECK(pwritev2(pair.client, &part, 1, -1, 0) == 1);
	CHECK(sendmmsg(pair.client, &message, 1, 0) == 1);
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLERR);
	CHECK(pwritev2(pair.client, &part, 1, -1, 0) == -1);
	CHECK(errno == ECONNRESET);
	CHECK(sendmmsg(pair.client, &message, 1, 0) == -1 && errno == EPIPE);
	CHECK(pwritev2(pair.client, &part, 1, -1, 0) == -1 && errno == EPIPE);
	say("intact\n");
}

/* The end comes after our own: what is left is TIME_WAIT. */
static void the_peer_ends_last_inside(void)
{
	struct pair pair = make_pair();
	char byte;

	ALLOW(SYS_read, SYS_write, SYS_close, SYS_shutdown);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(read(pair.server, &byte, 1) == 0);
	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(close(pair.client) == 0);
	say("intact\n");
}

static void descriptors_come_inside(void)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { (char[1]){ 0 }, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	struct pair pair = make_pair();
	int ends[2];
	int fd;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &pair.client, sizeof(int));
	ALLOW(SYS_read, SYS_write, SYS_close, SYS_sendmsg, SYS_recvmsg);
	CHECK(sendmsg(ends[0], &message, 0) == 1);
	CHECK(close(pair.client) == 0);
	CHECK(recvmsg(ends[1], &message, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	CHECK(fd == pair.client);
	exchange(&pair, 1);
	CHECK(close(fd) == 0);
	say("intact\n");
}

/* The filter lets the call through, the kernel refuses it. */
static void ranges_that_are_refused_inside(void)
{
	struct rlimit limit = { .rlim_cur = 3, .rlim_max = 3 };
	struct pair pair = make_pair();
	struct pair other = make_pair();

	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	ALLOW(SYS_read, SYS_write, SYS_close, SYS_close_range, SYS_dup2);
	CHECK(dup2(other.client, pair.client) == -1);
	CHECK(close_range(3, ~0U, 64) == -1);
	CHECK(close_range(9, 3, 0) == -1);
	exchange(&pair, 1);
	CHECK(close_range(3, ~0U, 0) == 0);
	CHECK(write(pair.client, "x", 1) == -1);
	say("intact\n");
}

/* The first one stays in force: our questions would still be killed. */
static void a_further_filter_is_refused_inside(void)
{
	struct sock_fprog none = { .len = 0, .filter = NULL };
	struct pair pair = make_pair();

	ALLOW(SYS_read, SYS_write, SYS_close, SYS_prctl);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &none) == -1);
	exchange(&pair, 1);
	CHECK(close(pair.client) == 0);
	CHECK(close(pair.server) == 0);
	say("intact\n");
}

static void another_network_inside(void)
{
	struct pair pair = make_pair();

	ALLOW(SYS_read, SYS_write, SYS_close, SYS_unshare);
	CHECK(unshare(CLONE_NEWNET) == 0 || errno == EPERM);
	exchange(&pair, 1);
	CHECK(close(pair.client) == 0);
	say("intact\n");
}

static void sigpipe_inside(void)
{
	struct pair pair = make_pair();

	ALLOW(SYS_read, SYS_write, SYS_close);
	CHECK(close(pair.server) == 0);
	CHECK(write(pair.client, "x", 1) == 1);
	for (int i = 0; i < 1000000; i++)
		(void)!write(pair.client, "x", 1);
	say("not reached\n");
}

static void children_are_made_inside(void)
{
	struct pair pair = make_pair();
	int status;
	pid_t child;

	/* What fork() of this libc needs, and what the child does. */
	ALLOW(SYS_clone, SYS_set_robust_list, SYS_rt_sigprocmask, SYS_gettid,
	      SYS_wait4, SYS_read, SYS_write, SYS_close);
	child = fork();
	if (child == 0) {
		close(pair.server);
		write_all(pair.client, "abc", 3);
		close(pair.client);
		_exit(0);
	}
	close(pair.client);
	read_all(pair.server, (char[3]){ 0 }, 3);
	CHECK(read(pair.server, (char[1]){ 0 }, 1) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	say("intact\n");
}

static void *work_outside(void *unused)
{
	for (int i = 0; i < 50; i++) {
		struct pair pair = make_pair();

		exchange(&pair, i);
		end_pair(&pair);
	}
	return unused;
}

static struct pair inner;

static void *work_inside(void *unused)
{
	ALLOW(SYS_read, SYS_write, SYS_close, SYS_exit, SYS_madvise, SYS_munmap,
	      SYS_mprotect, SYS_rt_sigprocmask, SYS_futex);
	for (int i = 0; i < 50; i++)
		exchange(&inner, i);
	close(inner.client);
	close(inner.server);
	return unused;
}

/* A filter holds for the thread that installs it. */
static void one_thread_is_inside(void)
{
	pthread_t threads[2];

	inner = make_pair();
	CHECK(pthread_create(&threads[0], NULL, work_outside, NULL) == 0);
	CHECK(pthread_create(&threads[1], NULL, work_inside, NULL) == 0);
	CHECK(pthread_join(threads[0], NULL) == 0);
	CHECK(pthread_join(threads[1], NULL) == 0);
	say("intact\n");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(data_on_an_open_connection),
	S(after_writes_in_quick_succession),
	S(the_same_installed_by_syscall),
	S(strict_mode),
	S(sockets_are_made_inside),
	S(numbers_are_copied_inside),
	S(connections_are_changed_inside),
	S(writes_that_know_no_flag_inside),
	S(the_peer_ends_last_inside),
	S(descriptors_come_inside),
	S(ranges_that_are_refused_inside),
	S(another_network_inside),
	S(sigpipe_inside),
	S(children_are_made_inside),
	S(one_thread_is_inside),
	S(a_further_filter_is_refused_inside),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
