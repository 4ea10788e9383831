/*
 * What `tcpshadow run` has to follow: trees of processes, signals, strange
 * ends. The first argument names what to do.
 */
#include <sys/prctl.h>

#include "pair.h"

static void say_ready(void)
{
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
}

static void wait_for_input(void)
{
	char byte;

	while (read(0, &byte, 1) > 0)
		;
}

/* Earns exactly one double-close. */
static void close_twice(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	close(fd);
	close(fd);
}

static int children(int count)
{
	int status;

	for (int i = 0; i < count; i++) {
		if (fork() == 0) {
			close_twice();
			exit(0);
		}
	}
	while (wait(&status) > 0)
		CHECK(status == 0);
	return 0;
}

static int generations(int depth)
{
	int status;

	if (depth == 0) {
		close_twice();
		return 0;
	}
	if (fork() == 0)
		exit(generations(depth - 1));
	CHECK(wait(&status) > 0);
	return status;
}

static int closes_all(int unused)
{
	(void)unused;
	closefrom(0);
	close_twice();
	return 0;
}

static volatile sig_atomic_t heard;

static void note_signal(int number)
{
	heard = number;
}

/* Prints each signal that comes; SIGTERM is the last. */
static int signals(int unused)
{
	static const int numbers[] = { SIGTERM, SIGINT,  SIGQUIT,
				       SIGHUP,  SIGUSR1, SIGUSR2 };
	struct sigaction action = { .sa_handler = note_signal };
	sigset_t all;
	sigset_t old;

	(void)unused;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	say_ready();
	do {
		sigsuspend(&old);
		printf("heard %s\n", sigabbrev_np(heard));
		fflush(stdout);
	} while (heard != SIGTERM);
	return 0;
}

/* Prints the number of each signal that comes; the highest is the last. */
static int hears(int unused)
{
	sigset_t all;
	int number;

	(void)unused;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	say_ready();
	do {
		number = sigwaitinfo(&all, NULL);
		printf("heard %d\n", number);
		fflush(stdout);
	} while (number != SIGRTMAX);
	return 0;
}

/* Holds a connection to itself until its input ends. */
static int lives(int unused)
{
	int listener = listener_on(0);
	struct sockaddr_in address = loopback(port_of(listener));
	int client = socket(AF_INET, SOCK_STREAM, 0);

	(void)unused;
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) ==
	      0);
	CHECK(accept(listener, NULL, NULL) >= 0);
	say_ready();
	wait_for_input();
	printf("done\n");
	return 0;
}

/* Leaves a process behind that outlives it until the input ends. */
static int leaves_a_daemon(int unused)
{
	int input = fcntl(0, F_DUPFD, 10);
	char byte = 'x';
	int lives[2];

	(void)unused;
	CHECK(pipe(lives) == 0);
	if (fork() != 0) {
		CHECK(read(lives[0], &byte, 1) == 1);
		_exit(0);
	}
	setsid();
	CHECK(write(lives[1], &byte, 1) == 1);
	CHECK(close(lives[0]) == 0 && close(lives[1]) == 0);
	say_ready();
	dup2(input, 0);
	wait_for_input();
	close_twice();
	printf("daemon done\n");
	fflush(stdout);
	return 0;
}

static int flood(int count)
{
	int listener = listener_on(0);
	struct sockaddr_in address = loopback(port_of(listener));

	say_ready();
	for (int i = 0; i < count; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		int server;

		CHECK(connect(client, (struct sockaddr *)&address,
			      sizeof(address)) == 0);
		server = accept(listener, NULL, NULL);
		CHECK(server >= 0);
		/* The reset leaves no TIME_WAIT, so ports do not run out. */
		setsockopt(client, SOL_SOCKET, SO_LINGER,
			   &(struct linger){ .l_onoff = 1 },
			   sizeof(struct linger));
		close(client);
		close(server);
	}
	close(listener);
	printf("done\n");
	return 0;
}

/* It ends without a close. */
static int keeps_both_ends(int number)
{
	(void)number;
	make_pair();
	return 0;
}

/* The accepted end, which has the higher number. */
static int leaves_bytes_unread(int number)
{
	struct pair pair = make_pair();

	(void)number;
	CHECK(write(pair.client, "unread", 6) == 6);
	wait_events(pair.server, POLLIN);
	return 0;
}

/* The server's end is closed, and the client's goes on writing. */
static int writes_after_close(int number)
{
	struct pair pair = make_pair();

	(void)number;
	signal(SIGPIPE, SIG_IGN);
	close(pair.server);
	wait_events(pair.client, POLLIN);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, 0);
	CHECK(write(pair.client, "x", 1) == -1 && errno == EPIPE);
	return 0;
}

static int dies(int number)
{
	raise(number);
	return 0;
}

static int ends(int status)
{
	return status;
}

/* Two listeners, of which one crosses into the next program, and lives there. */
static int passes_a_listener(int number)
{
	char text[16];
	int closed = listener_on(0);
	int crosses = listener_on(0);

	printf("closed %d\ncrosses %d\n", port_of(closed), port_of(crosses));
	fflush(stdout);
	fcntl(closed, F_SETFD, FD_CLOEXEC);
	snprintf(text, sizeof(text), "%d", number);
	execl("/proc/self/exe", "tree", number ? "dies" : "ends", text, NULL);
	return 1;
}

/* Reads connections to their end, closes none, and dies by the signal. */
static int leaks(int number)
{
	int listener = listener_on(0);

	for (int i = 0; i < 3; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		char byte;
		int server;

		CHECK(connect_to(client, port_of(listener)) == 0);
		server = accept(listener, NULL, NULL);
		CHECK(close(client) == 0);
		CHECK(read(server, &byte, 1) == 0);
	}
	raise(number);
	return 0;
}

static void stop(int number)
{
	(void)number;
	raise(SIGSTOP);
}

/*
 * When its terminal asks it to stop it does so itself, as programs do that have
 * to tidy the screen up first.
 */
static int stops_itself(int number)
{
	char line[80];

	(void)number;
	signal(SIGTSTP, stop);
	say_ready();
	while (fgets(line, sizeof(line), stdin)) {
		printf("got %s", line);
		fflush(stdout);
	}
	return 7;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int number);
	} all[] = {
		{ "children", children },
		{ "generations", generations },
		{ "closes-all", closes_all },
		{ "signals", signals },
		{ "hears", hears },
		{ "lives", lives },
		{ "leaves-a-daemon", leaves_a_daemon },
		{ "flood", flood },
		{ "keeps-both-ends", keeps_both_ends },
		{ "leaves-bytes-unread", leaves_bytes_unread },
		{ "writes-after-close", writes_after_close },
		{ "dies", dies },
		{ "ends", ends },
		{ "passes-a-listener", passes_a_listener },
		{ "leaks", leaks },
		{ "stops-itself", stops_itself },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(argv[1], all[i].name) == 0)
			return all[i].run(argc > 2 ? atoi(argv[2]) : 0);
	}
	fprintf(stderr, "tree: no such program\n");
	return 3;
}
