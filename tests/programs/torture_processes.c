/* build: -pthread */
/*
 * Processes: made from many threads at once in every way, executed again and
 * again with a listener that stays open, and sockets passed between them.
 */
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>

#include "torture.h"

extern char **environ;

static const char *self;

static void reap(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK(status == 0);
}

/* --- storms of children ----------------------------------------------------- */

/* A child speaks for its parent, and the bytes arrive. */
static void fork_and_speak(const struct pair *pair, unsigned int seed)
{
	char sent[64];
	char got[64];
	pid_t child = fork();

	CHECK(child >= 0);
	fill(sent, sizeof(sent), seed);
	if (child == 0) {
		close(pair->server);
		write_all(pair->client, sent, sizeof(sent));
		close(pair->client);
		_exit(0);
	}
	read_all(pair->server, got, sizeof(got));
	CHECK(memcmp(sent, got, sizeof(got)) == 0);
	reap(child);
}

static void vfork_and_execute(const struct pair *pair)
{
	pid_t child = vfork();

	if (child == 0) {
		close(pair->client);
		dup2(pair->listener, pair->server);
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	CHECK(child > 0);
	reap(child);
}

static void spawn(const struct pair *pair)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = { "true", NULL };
	pid_t child;

	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_addclose(&actions, pair->client) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, pair->server, 0) == 0);
	CHECK(posix_spawn(&child, "/bin/true", &actions, NULL, argv, environ) ==
	      0);
	posix_spawn_file_actions_destroy(&actions);
	reap(child);
}

/* Not through libc's fork: no handler of libc announces it. */
static void clone_and_speak(const struct pair *pair)
{
	long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	char byte;

	CHECK(child >= 0);
	if (child == 0) {
		write_all(pair->client, "c", 1);
		close(pair->client);
		syscall(SYS_exit_group, 0);
	}
	read_all(pair->server, &byte, 1);
	CHECK(byte == 'c');
	reap((pid_t)child);
}

static void *make_children(void *seed)
{
	int count = times(12);

	for (int i = 0; i < count; i++) {
		struct pair pair = make_pair();

		fork_and_speak(&pair, (unsigned int)(long)seed * 100 + i);
		exchange(&pair, i);
		vfork_and_execute(&pair);
		exchange(&pair, i + 1);
		spawn(&pair);
		exchange(&pair, i + 2);
		clone_and_speak(&pair);
		exchange(&pair, i + 3);
		close(pair.client);
		close(pair.server);
		close(pair.listener);
	}
	return NULL;
}

static void *churn(void *seed)
{
	int count = times(150);

	for (int i = 0; i < count; i++) {
		struct pair pair = make_pair();

		exchange(&pair, (unsigned int)(long)seed + i);
		close(pair.client);
		close(pair.server);
		close(pair.listener);
	}
	return NULL;
}

static void *make_children_or_churn(void *seed)
{
	return (long)seed < 3 ? make_children(seed) : churn(seed);
}

static void storm_of_children_from_threads(void)
{
	run_threads(5, make_children_or_churn);
	printf("intact, %d open\n", open_descriptors());
}

/* Each child forks again, and all use the one connection in turn. */
static void generations_of_children(void)
{
	int count = times(8);

	for (int i = 0; i < count; i++) {
		struct pair pair = make_pair();
		char got[6];
		pid_t child = 1;
		int depth = 0;

		while (depth < 5 && (child = fork()) == 0)
			depth++;
		if (child > 0) {
			reap(child);
		}
		write_all(pair.client, &"abcdef"[depth], 1);
		if (depth > 0)
			_exit(0);
		read_all(pair.server, got, sizeof(got));
		CHECK(memcmp(got, "fedcba", 6) == 0);
		end_pair(&pair);
	}
	printf("in order\n");
}

/* --- exec chains ------------------------------------------------------------ */

static void execute_again(const char *scenario, struct pair pair, int left)
{
	char numbers[4][16];

	snprintf(numbers[0], 16, "%d", pair.listener);
	snprintf(numbers[1], 16, "%d", pair.client);
	snprintf(numbers[2], 16, "%d", pair.server);
	snprintf(numbers[3], 16, "%d", left);
	execl(self, self, scenario, numbers[0], numbers[1], numbers[2],
	      numbers[3], NULL);
	CHECK(!"execl");
}

static char **arguments;

static void exec_chain_that_keeps_its_listener(void)
{
	struct pair pair;
	struct pair fresh;
	int left;

	if (!arguments[2])
		execute_again(arguments[1], make_pair(), times(12));
	pair.listener = atoi(arguments[2]);
	pair.client = atoi(arguments[3]);
	pair.server = atoi(arguments[4]);
	left = atoi(arguments[5]);
	exchange(&pair, left);
	fresh.listener = fcntl(pair.listener, F_DUPFD_CLOEXEC, 3);
	fresh.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect_to(fresh.client, port_of(pair.listener)) == 0);
	fresh.server = accept4(pair.listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fresh.server >= 0);
	exchange(&fresh, left + 7);
	printf("%d\n", fresh.server);
	if (left > 0)
		execute_again(arguments[1], pair, left - 1);
	end_pair(&fresh);
	end_pair(&pair);
}

/* --- sockets in messages ---------------------------------------------------- */

enum { PASSED_MAX = 8 };

static void pass(int channel, const int *fds, int count)
{
	char control[CMSG_SPACE(sizeof(int) * PASSED_MAX)] = { 0 };
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen =
					  CMSG_SPACE(sizeof(int) * count) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)count);
	CHECK(sendmsg(channel, &message, 0) == 1);
}

/* How many came; less than were sent when there is no room for them. */
static int receive(int channel, int *fds, int room)
{
	char control[CMSG_SPACE(sizeof(int) * PASSED_MAX)];
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen =
					  CMSG_SPACE(sizeof(int) * room) };
	struct cmsghdr *header;
	size_t size;

	if (recvmsg(channel, &message, 0) <= 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (!header)
		return 0;
	size = header->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(header), size);
	return (int)(size / sizeof(int));
}

/* A worker that serves whatever connections it is given. */
static void serve(int channel)
{
	int fds[PASSED_MAX];
	int count;

	while ((count = receive(channel, fds, PASSED_MAX)) > 0) {
		for (int i = 0; i < count; i++) {
			char got[64];

			read_all(fds[i], got, sizeof(got));
			write_all(fds[i], got, sizeof(got));
			CHECK(close(fds[i]) == 0);
		}
	}
	_exit(0);
}

static pid_t start_worker(int *channel)
{
	int ends[2];
	pid_t child;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		close(ends[0]);
		serve(ends[1]);
	}
	close(ends[1]);
	*channel = ends[0];
	return child;
}

static void *hand_out(void *seed)
{
	int count = times(40);
	int channel;
	pid_t worker = start_worker(&channel);

	for (int i = 0; i < count; i++) {
		struct pair pairs[3];
		int fds[3];

		for (int j = 0; j < 3; j++) {
			pairs[j] = make_pair();
			fds[j] = pairs[j].server;
		}
		pass(channel, fds, 3);
		for (int j = 0; j < 3; j++) {
			char sent[64];
			char got[65];

			CHECK(close(pairs[j].server) == 0);
			fill(sent, sizeof(sent),
			     (unsigned int)(long)seed + i + j);
			write_all(pairs[j].client, sent, sizeof(sent));
			read_all(pairs[j].client, got, sizeof(sent));
			CHECK(memcmp(sent, got, sizeof(sent)) == 0);
			CHECK(read(pairs[j].client, got, 1) == 0);
			CHECK(close(pairs[j].client) == 0);
			CHECK(close(pairs[j].listener) == 0);
		}
	}
	/* The other workers were forked with this end: end it for all. */
	CHECK(shutdown(channel, SHUT_RDWR) == 0 && close(channel) == 0);
	reap(worker);
	return NULL;
}

static void connections_handed_to_workers(void)
{
	run_threads(3, hand_out);
	printf("intact, %d open\n", open_descriptors());
}

/* Sockets on their way that nobody will receive, or that find no room. */
static void sockets_lost_in_messages(void)
{
	int count = times(50);
	int before = open_descriptors();

	for (int i = 0; i < count; i++) {
		struct pair pair = make_pair();
		int fds[3] = { pair.client, pair.client, pair.server };
		int got[3];
		int ends[2];
		char byte;

		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
		pass(ends[0], fds, 3);
		CHECK(close(pair.client) == 0);
		if (i % 2) {
			int count_got = receive(ends[1], got, 1);

			CHECK(count_got >= 1 && count_got <= 2);
			write_all(got[0], "m", 1);
			CHECK(read(pair.server, &byte, 1) == 1 && byte == 'm');
			for (int j = 0; j < count_got; j++)
				CHECK(close(got[j]) == 0);
		}
		CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
		CHECK(read(pair.server, &byte, 1) == 0);
		close_range((unsigned int)before, 100, 0);
	}
	printf("%d\n", open_descriptors() - before);
}

/* --- signals and children at once ------------------------------------------- */

static volatile sig_atomic_t children;

static void fork_in_handler(int number)
{
	int saved = errno;
	int status;
	pid_t child = _Fork();

	(void)number;
	if (child == 0) {
		close(socket(AF_INET, SOCK_STREAM, 0));
		_exit(0);
	}
	if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
		children++;
	errno = saved;
}

static void handlers_that_fork_inside_of_calls(void)
{
	int count = times(300);

	signal(SIGALRM, fork_in_handler);
	ualarm(2000, 2000);
	for (int i = 0; i < count; i++) {
		struct pair pair = patient_pair();

		exchange(&pair, i);
		close(pair.client);
		close(pair.server);
		close(pair.listener);
	}
	ualarm(0, 0);
	printf("intact %d\n", children > 0);
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(storm_of_children_from_threads),
	S(generations_of_children),
	S(exec_chain_that_keeps_its_listener),
	S(connections_handed_to_workers),
	S(sockets_lost_in_messages),
	S(handlers_that_fork_inside_of_calls),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	self = argv[0];
	arguments = argv;
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios),
			    argc > 2 ? 2 : argc, argv);
}
