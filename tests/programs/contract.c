/* build: -pthread -Wno-stringop-overflow -Wno-stringop-overread */
/*
 * What a program can observe: results, errno, signals, descriptor numbers. The
 * test compares this output with and without the library, byte by byte; so
 * nothing here prints a port or a process id.
 */
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "catch_pipe.h"
#include "isolated.h"

extern char **environ;

static char buffer[4096];

#define SHOW(call)                                             \
	do {                                                   \
		errno = 77;                                    \
		long shown_ = (long)(call);                    \
		printf("%s = %ld %d\n", #call, shown_, errno); \
	} while (0)

/* --- results and errno ------------------------------------------------------ */

static void failing_calls_on_bad_descriptors(void)
{
	struct sockaddr_in address = loopback(1);
	socklen_t length = sizeof(address);
	struct iovec part = { buffer, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct mmsghdr messages = { .msg_hdr = message };
	int on = 1;

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

/* --- signals ---------------------------------------------------------------- */

static struct pair dead_pair(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLRDHUP);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, POLLERR);
	return pair;
}

static void show_signal(void)
{
	printf("caught %d code %d errno %d own %d uid %d inside %d\n", caught,
	       info.si_code, info.si_errno, info.si_pid == getpid(),
	       info.si_uid, errno_inside);
}

static void sigpipe_by_default(void)
{
	struct pair pair = dead_pair();

	fflush(stdout);
	write(pair.client, "x", 1);
	printf("not reached\n");
}

static void sigpipe_handled(void)
{
	struct pair pair = dead_pair();
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct mmsghdr messages = { .msg_hdr = message };

	catch_pipe(0);
	SHOW(write(pair.client, "x", 1));
	show_signal();
	SHOW(send(pair.client, "x", 1, 0));
	SHOW(send(pair.client, "x", 1, MSG_NOSIGNAL));
	SHOW(sendto(pair.client, "x", 1, 0, NULL, 0));
	SHOW(sendmsg(pair.client, &message, 0));
	SHOW(sendmsg(pair.client, &message, MSG_NOSIGNAL));
	SHOW(sendmmsg(pair.client, &messages, 1, 0));
	SHOW(writev(pair.client, &part, 1));
	SHOW(pwritev2(pair.client, &part, 1, -1, 0));
	SHOW(write(pair.client, "", 0));
	show_signal();
}

static void sigpipe_of_sendfile_and_splice(void)
{
	struct pair pair = dead_pair();
	int file = memfd_create("text", 0);
	int pipes[2];

	CHECK(write(file, "text", 4) == 4 && pipe(pipes) == 0);
	CHECK(write(pipes[1], "text", 4) == 4);
	catch_pipe(0);
	lseek(file, 0, SEEK_SET);
	SHOW(sendfile(pair.client, file, NULL, 4));
	show_signal();
	SHOW(splice(pipes[0], NULL, pair.client, NULL, 4, 0));
	show_signal();
}

static void sigpipe_reset_hand(void)
{
	struct pair pair = dead_pair();

	catch_pipe(SA_RESETHAND);
	SHOW(write(pair.client, "x", 1));
	show_signal();
	fflush(stdout);
	write(pair.client, "x", 1);
	printf("not reached\n");
}

static void sigpipe_ignored(void)
{
	struct pair pair = dead_pair();

	signal(SIGPIPE, SIG_IGN);
	SHOW(write(pair.client, "x", 1));
}

static void sigpipe_blocked_then_waited_for(void)
{
	struct pair pair = dead_pair();
	struct timespec moment = { 0, 0 };
	sigset_t set;
	siginfo_t what;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	SHOW(write(pair.client, "x", 1));
	SHOW(write(pair.client, "x", 1));
	SHOW(sigtimedwait(&set, &what, &moment));
	printf("code %d own %d\n", what.si_code, what.si_pid == getpid());
	SHOW(sigtimedwait(&set, &what, &moment));
}

static void sigpipe_by_signalfd(void)
{
	struct pair pair = dead_pair();
	struct signalfd_siginfo what;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	SHOW(write(pair.client, "x", 1));
	SHOW(read(fd, &what, sizeof(what)));
	printf("signal %d code %d\n", what.ssi_signo, what.ssi_code);
}

static sigjmp_buf jump;

static void jump_out(int number)
{
	(void)number;
	siglongjmp(jump, 1);
}

static void siglongjmp_out_of_sigpipe(void)
{
	struct pair pair = dead_pair();

	signal(SIGPIPE, jump_out);
	if (sigsetjmp(jump, 1) == 0)
		write(pair.client, "x", 1);
	printf("out\n");
	if (sigsetjmp(jump, 1) == 0)
		write(pair.client, "x", 1);
	printf("out again\n");
}

static void siglongjmp_out_of_a_blocked_read(void)
{
	struct pair pair = make_pair();

	for (int i = 0; i < 20; i++) {
		signal(SIGALRM, jump_out);
		if (sigsetjmp(jump, 1) == 0) {
			ualarm(2000, 0);
			read(pair.server, buffer, 1);
			printf("not reached\n");
		}
	}
	SHOW(write(pair.client, "x", 1));
	SHOW(read(pair.server, buffer, 1));
	SHOW(close(pair.server));
	wait_events(pair.client, POLLRDHUP);
	SHOW(read(pair.client, buffer, 1));
}

static int storm_fd;
static volatile sig_atomic_t storms;

static void call_in_handler(int number)
{
	char byte;
	int saved = errno;

	(void)number;
	storms++;
	(void)!write(storm_fd, "", 0);
	(void)!recv(storm_fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	close(dup(storm_fd));
	close(socket(AF_INET, SOCK_STREAM, 0));
	errno = saved;
}

/* Signals whose handler makes the calls that it interrupts. */
static void handlers_that_call_what_they_interrupt(void)
{
	struct pair pair = make_pair();

	storm_fd = pair.server;
	signal(SIGALRM, call_in_handler);
	ualarm(300, 300);
	for (int i = 0; i < 300; i++) {
		struct pair other = make_pair();
		ssize_t got;

		CHECK(write(other.client, "x", 1) == 1);
		do {
			got = read(other.server, buffer, 1);
		} while (got < 0 && errno == EINTR);
		CHECK(got == 1);
		close(other.client);
		close(other.server);
		close(other.listener);
	}
	ualarm(0, 0);
	printf("%s\n", storms > 0 ? "survived" : "no storm");
}

static struct pair dead;
static int busy_port;
static int results[8];

/* What the library has most to say about. printf() has no room here. */
static void fail_on_a_small_stack(int number)
{
	struct sockaddr_in address = loopback(busy_port);
	struct iovec part = { "x", 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)number;
	results[0] = (int)write(dead.client, "x", 1);
	results[1] = (int)writev(dead.client, &part, 1);
	results[2] = bind(fd, (struct sockaddr *)&address, sizeof(address));
	results[3] = connect(fd, (struct sockaddr *)&address, 3);
	results[4] = close(fd);
	results[5] = close(fd);
	results[6] = close(dead.client);
}

/* Eight KiB, as SIGSTKSZ was for decades, and nothing below it. */
static void findings_in_a_handler_with_a_small_stack(void)
{
	enum { SIZE = 8192, GUARD = 65536 };
	char *memory = mmap(NULL, GUARD + SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = { .ss_sp = memory + GUARD, .ss_size = SIZE };
	struct sigaction action = { .sa_handler = fail_on_a_small_stack,
				    .sa_flags = SA_ONSTACK };

	CHECK(memory != MAP_FAILED);
	CHECK(mprotect(memory + GUARD, SIZE, PROT_READ | PROT_WRITE) == 0);
	CHECK(sigaltstack(&stack, NULL) == 0);
	signal(SIGPIPE, SIG_IGN);
	dead = dead_pair();
	busy_port = port_of(dead.listener);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(raise(SIGUSR1) == 0);
	for (int i = 0; i < 7; i++)
		printf("%d\n", results[i]);
	tell("expect", "[address-in-use]");
	tell("expect", "[epipe-ignored]");
	tell("expect", "[double-close]");
}

/* --- threads ---------------------------------------------------------------- */

static struct pair shared_pair;
static int cleaned;

static void clean(void *unused)
{
	(void)unused;
	cleaned++;
}

static _Atomic pid_t blocked_thread;

static void *read_for_ever(void *unused)
{
	atomic_store(&blocked_thread, gettid());
	pthread_cleanup_push(clean, unused);
	(void)!read(shared_pair.server, buffer, 1);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *accept_for_ever(void *unused)
{
	atomic_store(&blocked_thread, gettid());
	pthread_cleanup_push(clean, unused);
	accept(shared_pair.listener, NULL, NULL);
	pthread_cleanup_pop(0);
	return NULL;
}

static void wait_until_it_sleeps(void)
{
	char path[64];
	char state = 0;

	for (int i = 0; i < 5000 && state != 'S'; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
			 atomic_load(&blocked_thread));
		file = fopen(path, "r");
		if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (file)
			fclose(file);
		poll(NULL, 0, 1);
	}
	CHECK(state == 'S');
}

static void cancelled_out_of_blocked_calls(void)
{
	void *(*const functions[])(void *) = { read_for_ever, accept_for_ever };

	shared_pair = make_pair();
	for (int i = 0; i < 2; i++) {
		pthread_t thread;
		void *result;

		atomic_store(&blocked_thread, 0);
		CHECK(pthread_create(&thread, NULL, functions[i], NULL) == 0);
		wait_until_it_sleeps();
		CHECK(pthread_cancel(thread) == 0);
		CHECK(pthread_join(thread, &result) == 0);
		printf("cancelled %d cleaned %d\n", result == PTHREAD_CANCELED,
		       cleaned);
	}
	SHOW(write(shared_pair.client, "x", 1));
	SHOW(read(shared_pair.server, buffer, 1));
}

static void *churn(void *unused)
{
	for (int i = 0; i < 150; i++) {
		struct pair pair = make_pair();
		char byte = 0;

		CHECK(write(pair.client, "y", 1) == 1);
		CHECK(read(pair.server, &byte, 1) == 1 && byte == 'y');
		CHECK(close(pair.client) == 0);
		CHECK(close(pair.listener) == 0);
		CHECK(read(pair.server, &byte, 1) == 0);
		CHECK(close(pair.server) == 0);
	}
	return unused;
}

static void threads_that_open_and_close(void)
{
	pthread_t threads[6];

	for (int i = 0; i < 6; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
	for (int i = 0; i < 6; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	printf("done\n");
}

/* Children made while other threads are inside hooks. */
static void fork_from_threads(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
	for (int i = 0; i < 60; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			struct pair pair = make_pair();

			CHECK(write(pair.client, "x", 1) == 1);
			CHECK(read(pair.server, buffer, 1) == 1);
			_exit(0);
		}
		CHECK(waitpid(child, &status, 0) == child && status == 0);
	}
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	printf("done\n");
}

static volatile bool ended;

static void *listen_and_stop(void *unused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	while (!ended) {
		CHECK(listen(fd, 1) == 0);
		CHECK(shutdown(fd, SHUT_RD) == 0);
	}
	return unused;
}

/* The ports are taken: why is looked up each time. */
static void *connect_in_vain(void *port)
{
	while (!ended) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		CHECK(connect_to(fd, *(const int *)port) == -1);
		CHECK(errno == EADDRNOTAVAIL);
		CHECK(close(fd) == 0);
	}
	return NULL;
}

/* The sockets of TCP are the threads' own. */
static int count_files(void)
{
	int count = 0;

	for (int fd = 0; fd < 64; fd++) {
		socklen_t length = sizeof(int);
		struct stat status;
		int type = 0;

		if (fstat(fd, &status) < 0)
			continue;
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
		count += type != SOCK_STREAM;
	}
	return count;
}

static void fork_while(void *(*work)(void *), void *argument)
{
	pthread_t threads[2];
	int files = count_files();
	int more = 0;

	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, work, argument) == 0);
	for (int i = 0; i < 200; i++) {
		int status;
		pid_t child = fork();

		if (child == 0)
			_exit(count_files() > files);
		CHECK(waitpid(child, &status, 0) == child);
		more += WEXITSTATUS(status);
	}
	ended = true;
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	/* Both sides wait for a while only: a busy machine may exceed it. */
	printf("%s\n", more > 20 ? "children have more" : "no descriptor more");
}

/* While other threads' calls are being logged. */
static void forked_children_have_no_descriptor_more(void)
{
	fork_while(listen_and_stop, NULL);
}

static void forked_children_have_no_lookup_more(void)
{
	int listener;
	int port;

	if (!isolated())
		return;
	set_ipv4("ip_local_port_range", "40000 40003");
	listener = listener_on(5000);
	port = port_of(listener);
	while (connect_to(socket(AF_INET, SOCK_STREAM, 0), port) == 0)
		;
	fork_while(connect_in_vain, &port);
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

	if (listener < 0) {
		printf("no MPTCP\n");
		return;
	}
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

#define S(name)             \
	{                   \
#name, name \
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
	S(sigpipe_by_default),
	S(sigpipe_handled),
	S(sigpipe_of_sendfile_and_splice),
	S(sigpipe_reset_hand),
	S(sigpipe_ignored),
	S(sigpipe_blocked_then_waited_for),
	S(sigpipe_by_signalfd),
	S(siglongjmp_out_of_sigpipe),
	S(siglongjmp_out_of_a_blocked_read),
	S(handlers_that_call_what_they_interrupt),
	S(findings_in_a_handler_with_a_small_stack),
	S(cancelled_out_of_blocked_calls),
	S(threads_that_open_and_close),
	S(fork_from_threads),
	S(forked_children_have_no_descriptor_more),
	S(forked_children_have_no_lookup_more),
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
