/* build: -Wno-stringop-overflow -Wno-stringop-overread */
/* What a program can observe of its calls: results, errno, descriptor numbers. */
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "catch_pipe.h"
#include "observed.h"

extern char **environ;

/* --- results and errno ------------------------------------------------------ */

static void failing_calls_on_bad_descriptors(void)
{
	struct sockaddr_in address = loopback(1);
	socklen_t length = sizeof(address);
	struct iovec part = { buffer, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct mmsghdr messages = { .msg_hdr = message };
	int on = 1;

	tell("silent", "none of it is a socket");
	for (int i = 0; i < 3; i++) {
		int fd = i == 0   ? -1
			 : i == 1 ? 1000
				  : open("/dev/null", O_RDWR);

		SHOW(read(fd, buffer, 1));
		SHOW(write(fd, buffer, 1));
		SHOW(recv(fd, buffer, 1, 0));
		SHOW(send(fd, buffer, 1, 0));
		SHOW(recvfrom(fd, buffer, 1, 0, NULL, NULL));
		SHOW(sendto(fd, buffer, 1, 0, NULL, 0));
		SHOW(readv(fd, &part, 1));
		SHOW(writev(fd, &part, 1));
		SHOW(recvmsg(fd, &message, 0));
		SHOW(sendmsg(fd, &message, 0));
		SHOW(recvmmsg(fd, &messages, 1, 0, NULL));
		SHOW(sendmmsg(fd, &messages, 1, 0));
		SHOW(preadv2(fd, &part, 1, -1, 0));
		SHOW(pwritev2(fd, &part, 1, -1, 0));
		SHOW(connect(fd, (struct sockaddr *)&address, length));
		SHOW(bind(fd, (struct sockaddr *)&address, length));
		SHOW(listen(fd, 1));
		SHOW(accept(fd, NULL, NULL));
		SHOW(accept4(fd, NULL, NULL, 0));
		SHOW(shutdown(fd, SHUT_RDWR));
		SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, &on, &length));
		SHOW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
		SHOW(getsockname(fd, (struct sockaddr *)&address, &length));
		SHOW(getpeername(fd, (struct sockaddr *)&address, &length));
		SHOW(ioctl(fd, FIONREAD, &on));
		SHOW(fcntl(fd, F_GETFL));
		SHOW(fcntl(fd, F_DUPFD, 2000000000));
		SHOW(dup3(fd, fd, 0));
		SHOW(dup2(fd, -1));
		SHOW(sendfile(fd, fd, NULL, 1));
		SHOW(splice(fd, NULL, fd, NULL, 1, 0));
		SHOW(close(fd));
		SHOW(close(fd));
		SHOW(close_range(5, 4, 0));
		SHOW(close_range(900, 1000, 64));
		SHOW(fdopen(fd, "r") != NULL);
	}
}

static void failing_calls_on_tcp_sockets(void)
{
	struct sockaddr_in address = loopback(1);
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	void *nowhere = (void *)1;
	int on = 1;

	signal(SIGPIPE, SIG_IGN);
	SHOW(socket(AF_INET, SOCK_STREAM, 9999));
	SHOW(socket(9999, SOCK_STREAM, 0));
	SHOW(socket(AF_INET, 99, 0));
	SHOW(read(fd, buffer, 1));
	SHOW(write(fd, buffer, 1));
	SHOW(write(fd, NULL, 0));
	SHOW(accept(fd, NULL, NULL));
	SHOW(shutdown(fd, 9));
	SHOW(shutdown(fd, SHUT_WR));
	SHOW(bind(fd, nowhere, length));
	SHOW(bind(fd, (struct sockaddr *)&address, 3));
	SHOW(connect(fd, nowhere, length));
	SHOW(connect(fd, (struct sockaddr *)&address, 3));
	SHOW(connect(fd, (struct sockaddr *)&address, length));
	SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, nowhere, &length));
	length = 0;
	SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, NULL, &length));
	length = 2;
	SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &on, &length));
	length = sizeof(address);
	SHOW(getsockopt(fd, 12345, 1, &on, &length));
	SHOW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, nowhere, 4));
	SHOW(setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on)));
	SHOW(getpeername(fd, (struct sockaddr *)&address, &length));
	SHOW(getsockname(fd, nowhere, &length));
	SHOW(ioctl(fd, FIONREAD, nowhere));
	SHOW(listen(fd, 1));
	SHOW(connect(fd, (struct sockaddr *)&address, length));
	SHOW(read(fd, buffer, 1));
	SHOW(write(fd, buffer, 1));
	SHOW(dup2(fd, fd) == fd);
	SHOW(dup3(fd, fd, 0));
	SHOW(dup3(fd, 50, 12345));
	SHOW(close(fd));
	SHOW(close(fd));
}

static void reads_and_writes_on_a_connection(void)
{
	struct pair pair = make_pair();
	void *nowhere = (void *)1;
	struct iovec bad = { nowhere, 1 };
	struct iovec many[1025] = { { buffer, 0 } };
	struct timeval limit = { .tv_usec = 1000 };

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 1025; i++)
		many[i] = (struct iovec){ buffer, 1 };
	SHOW(write(pair.client, "", 0));
	SHOW(read(pair.server, buffer, 0));
	SHOW(write(pair.client, nowhere, 1));
	SHOW(writev(pair.client, &bad, 1));
	SHOW(writev(pair.client, many, 1025));
	SHOW(writev(pair.client, many, -1));
	SHOW(writev(pair.client, many, 0));
	SHOW(writev(pair.client, many, 1024));
	SHOW(read(pair.server, buffer, 1024));
	SHOW(write(pair.client, "abc", 3));
	SHOW(read(pair.server, nowhere, 1));
	SHOW(recv(pair.server, buffer, 4, MSG_PEEK));
	SHOW(recv(pair.server, buffer, 4, 0));
	SHOW(recv(pair.server, buffer, 4, MSG_DONTWAIT));
	SHOW(setsockopt(pair.server, SOL_SOCKET, SO_RCVTIMEO, &limit,
			sizeof(limit)));
	SHOW(read(pair.server, buffer, 4));
	SHOW(fcntl(pair.client, F_SETFL, O_NONBLOCK));
	while (write(pair.client, buffer, sizeof(buffer)) > 0)
		;
	SHOW(write(pair.client, buffer, sizeof(buffer)));
	SHOW(send(pair.client, buffer, 1, 0x40000000));
	SHOW(sendmsg(pair.client, nowhere, 0));
	SHOW(recvmsg(pair.server, nowhere, 0));
}

/* --- descriptors ------------------------------------------------------------ */

static void descriptor_numbers(void)
{
	struct pair pair = make_pair();
	struct pair second;

	printf("%d %d %d\n", pair.listener, pair.client, pair.server);
	printf("open %d\n", open("/dev/null", O_RDONLY));
	close(pair.client);
	second = make_pair();
	printf("%d %d %d\n", second.listener, second.client, second.server);
	for (int fd = 0; fd < 64; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			printf("open: %d\n", fd);
	}
}

static void all_descriptors_closed_and_on(void)
{
	struct pair pair = make_pair();
	int keep = dup(1);

	(void)pair;
	fflush(stdout);
	CHECK(dup2(keep, 100) == 100);
	for (int fd = 0; fd < 100; fd++)
		close(fd);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == 0);
	CHECK(listen(0, 1) == 0);
	CHECK(close(0) == 0);
	CHECK(close_range(0, 99, 0) == 0);
	CHECK(dup2(100, 1) == 1);
	printf("still here\n");
}

static void close_loop_to_2_to_the_30(void)
{
	struct pair pair = make_pair();
	long failures = 0;

	/* As demons do, in steps: each number would take three minutes here. */
	for (long fd = 200; fd < 1L << 30; fd += 997)
		failures += close((int)fd) == -1;
	printf("%ld\n", failures);
	SHOW(write(pair.client, "x", 1));
}

static void no_descriptors_left(void)
{
	struct rlimit limit = { .rlim_cur = 12, .rlim_max = 12 };
	int listener = listener_on(0);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect_to(client, port_of(listener)) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	while (dup(0) >= 0)
		;
	SHOW(socket(AF_INET, SOCK_STREAM, 0));
	SHOW(accept(listener, NULL, NULL));
	SHOW(dup(client));
	SHOW(dup2(client, 12));
	SHOW(fcntl(client, F_DUPFD, 3));
	SHOW(close(client));
}

static void threads_and_children_are_not_added(void)
{
	struct pair pair = make_pair();
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];

	(void)pair;
	while (fgets(line, sizeof(line), status)) {
		if (strncmp(line, "Threads:", 8) == 0)
			fputs(line, stdout);
	}
	SHOW(waitpid(-1, NULL, WNOHANG));
}

/* --- processes -------------------------------------------------------------- */

static void vfork_child_closes_what_is_the_parents(void)
{
	struct pair pair = make_pair();
	int status;
	pid_t child = vfork();

	if (child == 0) {
		close(pair.client);
		close(pair.listener);
		close(pair.server);
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	CHECK(waitpid(child, &status, 0) == child);
	SHOW(status);
	SHOW(write(pair.client, "x", 1));
	SHOW(read(pair.server, buffer, 1));
	SHOW(close(pair.client));
	SHOW(read(pair.server, buffer, 1));
	tell("expect", "fd %d ", pair.client);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

static void spawned_child_closes_what_is_the_parents(void)
{
	struct pair pair = make_pair();
	posix_spawn_file_actions_t actions;
	char *argv[] = { "true", NULL };
	pid_t child;
	int status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addclose(&actions, pair.client);
	posix_spawn_file_actions_adddup2(&actions, 0, pair.server);
	SHOW(posix_spawn(&child, "/bin/true", &actions, NULL, argv, environ));
	CHECK(waitpid(child, &status, 0) == child);
	SHOW(write(pair.client, "x", 1));
	SHOW(read(pair.server, buffer, 1));
}

/* A fork that no handler announces. */
static void raw_clone(void)
{
	struct pair pair = make_pair();
	int status;
	long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (child == 0) {
		CHECK(close(pair.client) == 0);
		_exit(kernel_state(pair.server) == TCP_ESTABLISHED ? 0 : 1);
	}
	CHECK(waitpid((pid_t)child, &status, 0) == child);
	SHOW(status);
	SHOW(write(pair.client, "x", 1));
}

static void exit_statuses(void)
{
	for (int i = 0; i < 4; i++) {
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			struct pair pair = make_pair();

			(void)pair;
			if (i == 0)
				exit(7);
			if (i == 1)
				_exit(8);
			if (i == 2)
				abort();
			raise(SIGKILL);
		}
		CHECK(waitpid(child, &status, 0) == child);
		SHOW(status);
	}
}

static int pass_fds[2];

static void descriptor_passing(void)
{
	struct pair pair = make_pair();
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int received;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pass_fds) == 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &pair.client, sizeof(int));
	SHOW(sendmsg(pass_fds[0], &message, 0));
	SHOW(close(pair.client));
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	part.iov_base = buffer;
	SHOW(recvmsg(pass_fds[1], &message, 0));
	memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	SHOW(received);
	SHOW(write(received, "x", 1));
	SHOW(shutdown(received, SHUT_WR));
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
}

/* MPTCP reads no control data: its lengths are whatever the program left. */
static void control_data_that_nobody_reads(void)
{
	static const size_t lengths[] = { 0, 3, CMSG_LEN(0), (size_t)1 << 40,
					  SIZE_MAX };
	struct sockaddr_in address = loopback(0);
	int listener = socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */);
	int client = socket(AF_INET, SOCK_STREAM, 262);
	_Alignas(struct cmsghdr) char control[64] = { 0 };
	struct cmsghdr *header = (struct cmsghdr *)control;
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct mmsghdr messages = { .msg_hdr = message };

	if (listener < 0)
		skip("no MPTCP here");
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) ==
	      0);
	CHECK(listen(listener, 1) == 0);
	CHECK(connect_to(client, port_of(listener)) == 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		header->cmsg_len = lengths[i];
		SHOW(sendmsg(client, &message, 0));
		SHOW(sendmmsg(client, &messages, 1, 0));
	}
}

static void environment_of_an_executed_program(void)
{
	char *none[] = { "A=b", NULL };
	int listener = listener_on(0);

	CHECK(listener >= 0);
	execle("/usr/bin/env", "env", NULL, none);
}

static void stdio_on_a_connection(void)
{
	struct pair pair = make_pair();
	FILE *out = fdopen(pair.client, "w");
	FILE *in = fdopen(pair.server, "r");

	SHOW(fprintf(out, "%d lines\n", 1));
	SHOW(fclose(out));
	SHOW(fgets(buffer, sizeof(buffer), in) == buffer);
	SHOW(fgets(buffer, sizeof(buffer), in) == NULL);
	SHOW(fclose(in));
	SHOW(fclose(fmemopen(buffer, 4, "r")));
}

/* What it still holds is written to a connection that is gone. */
static void streams_closed_after_a_reset(void)
{
	struct pair first = make_pair();
	struct pair second = make_pair();
	FILE *closed = fdopen(first.client, "w");
	FILE *reopened = fdopen(second.client, "w");

	catch_pipe(0);
	fputs("lost", closed);
	fputs("lost", reopened);
	reset(first.server);
	reset(second.server);
	wait_events(first.client, POLLERR);
	wait_events(second.client, POLLERR);
	SHOW(fclose(closed));
	SHOW(caught);
	SHOW(freopen("/dev/null", "w", reopened) == reopened);
	SHOW(caught);
}

static const struct scenario scenarios[] = {
	S(failing_calls_on_bad_descriptors),
	S(failing_calls_on_tcp_sockets),
	S(reads_and_writes_on_a_connection),
	S(descriptor_numbers),
	S(all_descriptors_closed_and_on),
	S(close_loop_to_2_to_the_30),
	S(no_descriptors_left),
	S(threads_and_children_are_not_added),
	S(vfork_child_closes_what_is_the_parents),
	S(spawned_child_closes_what_is_the_parents),
	S(raw_clone),
	S(exit_statuses),
	S(descriptor_passing),
	S(control_data_that_nobody_reads),
	S(environment_of_an_executed_program),
	S(stdio_on_a_connection),
	S(streams_closed_after_a_reset),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
