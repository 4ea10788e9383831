/* build: -pthread -Wno-stringop-overflow -Wno-stringop-overread */
/* What a program can observe of its signals and threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "catch_pipe.h"
#include "isolated.h"
#include "observed.h"

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

static void cancelled_out_of_blocked_calls(void)
{
	void *(*const functions[])(void *) = { read_for_ever, accept_for_ever };

	shared_pair = make_pair();
	for (int i = 0; i < 2; i++) {
		pthread_t thread;
		void *result;

		atomic_store(&blocked_thread, 0);
		CHECK(pthread_create(&thread, NULL, functions[i], NULL) == 0);
		wait_until_it_sleeps(&blocked_thread);
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

	isolate();
	set_ipv4("ip_local_port_range", "40000 40003");
	listener = listener_on(5000);
	port = port_of(listener);
	while (connect_to(socket(AF_INET, SOCK_STREAM, 0), port) == 0)
		;
	fork_while(connect_in_vain, &port);
}

static const struct scenario scenarios[] = {
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
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
