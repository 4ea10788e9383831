/* build: -pthread -Wno-stringop-overflow -Wno-nonnull */
/*
 * Descriptor numbers that change hands: closed unseen, taken by files, pipes
 * and other sockets, replaced while other threads use them.
 */
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "torture.h"

static char buffer[4096];

/* --- closed by a call that cannot be seen ----------------------------------- */

static void show_writes(int fd)
{
	struct iovec parts[2] = { { "ab", 2 }, { "c", 1 } };

	SHOW(write(fd, "x", 1));
	SHOW(write(fd, "", 0));
	SHOW(writev(fd, parts, 2));
	SHOW(writev(fd, parts, 0));
	SHOW(writev(fd, parts, -1));
	SHOW(writev(fd, NULL, 1025));
	SHOW(pwritev2(fd, parts, 2, -1, 0));
	SHOW(send(fd, "x", 1, 0));
	SHOW(sendto(fd, "x", 1, 0, NULL, 0));
	SHOW(read(fd, buffer, 1));
	SHOW(recv(fd, buffer, 1, MSG_DONTWAIT));
}

/* The number of a connection that was closed unseen, until somebody takes it. */
static int stale_number(void)
{
	struct pair pair = make_pair();

	write_all(pair.client, "x", 1);
	CHECK(raw_close(pair.client) == 0);
	return pair.client;
}

static void number_becomes_a_file(void)
{
	int stale = stale_number();
	int fd = memfd_create("file", 0);

	CHECK(fd == stale);
	show_writes(fd);
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(pread(fd, buffer, sizeof(buffer), 0));
	fwrite(buffer, 1, 7, stdout);
	SHOW(close(fd));
}

static void number_becomes_a_file_written_by_writev(void)
{
	struct iovec parts[2] = { { "ab", 2 }, { "c", 1 } };
	int stale = stale_number();
	int fd = memfd_create("file", 0);

	CHECK(fd == stale);
	SHOW(writev(fd, parts, 2));
	SHOW(lseek(fd, 0, SEEK_END));
}

static void number_becomes_a_pipe(void)
{
	struct pair pair = make_pair();
	int pipes[2];

	signal(SIGPIPE, SIG_IGN);
	CHECK(raw_close(pair.client) == 0 && raw_close(pair.server) == 0);
	CHECK(pipe(pipes) == 0 && pipes[1] == pair.server);
	show_writes(pipes[1]);
	SHOW(read(pipes[0], buffer, sizeof(buffer)));
	SHOW(close(pipes[0]));
	SHOW(write(pipes[1], "x", 1));
}

static void number_becomes_a_broken_pipe(void)
{
	struct pair pair = make_pair();
	int pipes[2];

	CHECK(raw_close(pair.client) == 0 && raw_close(pair.server) == 0);
	CHECK(pipe(pipes) == 0 && pipes[1] == pair.server);
	SHOW(close(pipes[0]));
	write(pipes[1], "x", 1);
	printf("not reached\n");
}

static void number_becomes_an_eventfd(void)
{
	uint64_t one = 1;
	int stale = stale_number();
	int fd = eventfd(0, EFD_NONBLOCK);

	CHECK(fd == stale);
	SHOW(write(fd, &one, sizeof(one)));
	SHOW(write(fd, &one, sizeof(one)));
	SHOW(read(fd, buffer, sizeof(buffer)));
	SHOW(read(fd, buffer, sizeof(buffer)));
}

static void number_becomes_a_datagram_socket(void)
{
	struct iovec parts[1] = { { buffer, sizeof(buffer) } };
	static char large[70000];
	struct iovec many[1] = { { large, sizeof(large) } };
	int stale = stale_number();
	int pair[2];

	/* Not by socketpair(): that would be seen. */
	CHECK(syscall(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	CHECK(pair[0] == stale);
	SHOW(writev(pair[0], parts, 1));
	SHOW(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, 4));
	SHOW(writev(pair[0], many, 1));
	SHOW(write(pair[0], large, sizeof(large)));
}

static void number_becomes_another_connection(void)
{
	struct pair first = make_pair();
	struct pair second;

	CHECK(raw_close(first.client) == 0);
	CHECK(raw_close(first.server) == 0);
	second = make_pair();
	exchange(&second, 1);
	end_pair(&second);
	printf("intact\n");
}

static void number_is_closed_and_stays_free(void)
{
	int fd = stale_number();

	signal(SIGPIPE, SIG_IGN);
	show_writes(fd);
	SHOW(shutdown(fd, SHUT_WR));
	SHOW(close(fd));
}

/* --- numbers that change hands at full speed -------------------------------- */

static atomic_bool stop;

/* Calls on whatever number, that change nothing of what they find. */
static void *rude(void *seed)
{
	unsigned int state = (unsigned int)(long)seed + 1;
	struct tcp_info info;
	socklen_t length;
	char byte;

	while (!atomic_load(&stop)) {
		int fd = 3 + (int)(rand_r(&state) % 60);

		(void)!recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
		(void)!write(fd, "", 0);
		(void)!send(fd, "", 0, MSG_DONTWAIT);
		length = sizeof(info);
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
		getsockname(fd, (struct sockaddr *)&info, &length);
		fcntl(fd, F_GETFL);
	}
	return NULL;
}

static void *churn(void *seed)
{
	int count = times(200);

	for (int i = 0; i < count; i++) {
		struct pair pair = make_pair();
		int copy;

		exchange(&pair, (unsigned int)(long)seed * 1000 + i);
		copy = dup(pair.client);
		CHECK(copy >= 0 && close(pair.client) == 0);
		pair.client = copy;
		exchange(&pair, (unsigned int)(long)seed * 2000 + i);
		end_pair(&pair);
	}
	return NULL;
}

static void numbers_reused_while_others_use_them(void)
{
	pthread_t others[2];

	signal(SIGPIPE, SIG_IGN);
	for (long i = 0; i < 2; i++)
		CHECK(pthread_create(&others[i], NULL, rude, (void *)i) == 0);
	run_threads(4, churn);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(others[i], NULL) == 0);
	printf("intact, %d open\n", open_descriptors());
}

/* One number that is always some connection, replaced by dup2 without a gap. */
enum { FIXED = 900 };

static void *replace(void *unused)
{
	int count = times(300);

	for (int i = 0; i < count; i++) {
		struct pair pair = make_pair();

		write_all(pair.server, "yyyy", 4);
		CHECK(dup2(pair.client, FIXED) == FIXED);
		CHECK(close(pair.client) == 0);
		CHECK(close(pair.server) == 0);
		CHECK(close(pair.listener) == 0);
	}
	return unused;
}

static void *read_fixed(void *unused)
{
	char got[8];

	while (!atomic_load(&stop)) {
		ssize_t size = recv(FIXED, got, sizeof(got), MSG_DONTWAIT);

		CHECK(size >= 0 || errno == EAGAIN || errno == ECONNRESET);
		for (ssize_t i = 0; i < size; i++)
			CHECK(got[i] == 'y');
		sched_yield();
	}
	return unused;
}

static void number_replaced_while_others_read_it(void)
{
	struct pair first = make_pair();
	pthread_t readers[2];

	CHECK(dup2(first.client, FIXED) == FIXED);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&readers[i], NULL, read_fixed, NULL) == 0);
	run_threads(3, replace);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(readers[i], NULL) == 0);
	end_pair(&first);
	printf("done\n");
}

/* Each closes what another one has put there; all of that is seen. */
static void number_replaced_by_all_at_once(void)
{
	struct pair first = make_pair();

	CHECK(dup2(first.client, FIXED) == FIXED);
	run_threads(4, replace);
	end_pair(&first);
	printf("done\n");
	tell("refuse", "by a call that is not wrapped");
}

/* A file and a connection that take turns on one number, by raw closes. */
static void *take_turns(void *seed)
{
	int count = times(300);

	for (int i = 0; i < count; i++) {
		struct pair pair = make_pair();
		char got[4];
		int file;

		exchange(&pair, (unsigned int)(long)seed + i);
		raw_close(pair.client);
		CHECK(read(pair.server, got, 1) == 0);
		raw_close(pair.server);
		raw_close(pair.listener);
		file = memfd_create("file", 0);
		CHECK(file >= 0 && write(file, "file", 4) == 4);
		CHECK(pread(file, got, 4, 0) == 4);
		CHECK(memcmp(got, "file", 4) == 0);
		raw_close(file);
	}
	return NULL;
}

static void files_and_connections_take_turns(void)
{
	run_threads(4, take_turns);
	printf("intact, %d open\n", open_descriptors());
}

/* --- tables of descriptors that are shared, or parted ------------------------
 */

static void *part_and_close(void *argument)
{
	const struct pair *pair = argument;
	int file;

	CHECK(unshare(CLONE_FILES) == 0);
	CHECK(close(pair->client) == 0);
	file = memfd_create("file", 0);
	CHECK(file == pair->client);
	SHOW(write(file, "abc", 3));
	SHOW(lseek(file, 0, SEEK_END));
	return NULL;
}

/* A thread with numbers of its own: one number means two things. */
static void thread_parts_its_descriptors(void)
{
	struct pair pair = make_pair();
	pthread_t thread;
	char byte;

	CHECK(pthread_create(&thread, NULL, part_and_close, &pair) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	exchange(&pair, 5);
	SHOW(shutdown(pair.client, SHUT_WR));
	SHOW(read(pair.server, &byte, 1));
	SHOW(close(pair.server));
	SHOW(close(pair.client));
}

/* A process that shares the table, not the memory (CLONE_FILES alone). */
static long clone_files(void)
{
	return syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

static void process_shares_the_table(void)
{
	struct pair pair = make_pair();
	struct pair other;
	int status;
	long child;
	int file;

	fflush(stdout);
	child = clone_files();
	if (child == 0) {
		close(pair.client);
		close(pair.server);
		_exit(0);
	}
	CHECK(waitpid((pid_t)child, &status, 0) == child && status == 0);
	file = memfd_create("file", 0);
	CHECK(file == pair.client);
	SHOW(write(file, "abc", 3));
	SHOW(close(file));
	child = clone_files();
	if (child == 0) {
		other = make_pair();
		exchange(&other, 9);
		_exit(other.client);
	}
	CHECK(waitpid((pid_t)child, &status, 0) == child);
	SHOW(WEXITSTATUS(status));
	/* They are open here, too. */
	SHOW(write(WEXITSTATUS(status), "abc", 3));
	SHOW(close(WEXITSTATUS(status)));
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(number_becomes_a_file),
	S(number_becomes_a_file_written_by_writev),
	S(number_becomes_a_pipe),
	S(number_becomes_a_broken_pipe),
	S(number_becomes_an_eventfd),
	S(number_becomes_a_datagram_socket),
	S(number_becomes_another_connection),
	S(number_is_closed_and_stays_free),
	S(numbers_reused_while_others_use_them),
	S(number_replaced_while_others_read_it),
	S(number_replaced_by_all_at_once),
	S(files_and_connections_take_turns),
	S(thread_parts_its_descriptors),
	S(process_shares_the_table),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
