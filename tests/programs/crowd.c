/*
 * Owners of sockets on a machine whose processes have more descriptors than a
 * search looks at for the sake of completeness (OWNERS_ALL of kernel/owners.h).
 */
#include "torture.h"

enum { CROWD = 24, DESCRIPTORS = 240 };

/* The children live until this end is closed in the parent. */
static int lifeline[2];
static int ready[2];

static void fill_up_to(int number)
{
	for (int i = 3; i <= number; i++) {
		if (fcntl(i, F_GETFD) < 0)
			CHECK(dup2(0, i) == i);
	}
}

/* The child tells a number once it has prepared itself, and stays. */
static pid_t spawn(int (*prepare)(void), int *told)
{
	pid_t child = fork();
	char byte;

	if (child == 0) {
		int number = prepare();

		CHECK(close(lifeline[1]) == 0);
		CHECK(write(ready[1], &number, sizeof(number)) ==
		      sizeof(number));
		_exit(read(lifeline[0], &byte, 1) != 0);
	}
	CHECK(child > 0);
	CHECK(read(ready[0], told, sizeof(*told)) == sizeof(*told));
	return child;
}

static int have_many(void)
{
	fill_up_to(DESCRIPTORS);
	return 0;
}

static void gather_crowd(void)
{
	int unused;

	for (int i = 0; i < CROWD; i++)
		spawn(have_many, &unused);
}

static void open_lifeline(void)
{
	CHECK(pipe(lifeline) == 0 && pipe(ready) == 0);
}

static void dismiss_crowd(void)
{
	int status;

	CHECK(close(lifeline[1]) == 0);
	while (wait(&status) > 0)
		CHECK(status == 0);
}

static void fail_to_bind(int port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1);
	CHECK(errno == EADDRINUSE);
}

static int listen_here(void)
{
	return port_of(listener_on(0));
}

static int listen_high(void)
{
	enum { HIGH = 600 };
	int fd = listener_on(0);
	int port = port_of(fd);

	fill_up_to(HIGH - 1);
	CHECK(dup2(fd, HIGH) == HIGH && close(fd) == 0);
	return port;
}

static void expect_holder(int port, pid_t pid)
{
	tell("expect", "holder: listener LISTEN 127.0.0.1:%d pid %d (crowd) fd",
	     port, pid);
	tell("refuse", "a process that ");
}

static void younger_holder_is_found(void)
{
	pid_t holder;
	int port;

	open_lifeline();
	gather_crowd();
	holder = spawn(listen_here, &port);
	fail_to_bind(port);
	dismiss_crowd();
	expect_holder(port, holder);
}

/* Whoever has not been found is worth a longer search. */
static void older_holder_is_found(void)
{
	pid_t holder;
	int port;

	open_lifeline();
	holder = spawn(listen_here, &port);
	gather_crowd();
	fail_to_bind(port);
	dismiss_crowd();
	expect_holder(port, holder);
}

static void listener_of_its_own_is_found(void)
{
	int port;

	open_lifeline();
	gather_crowd();
	port = listen_here();
	fail_to_bind(port);
	dismiss_crowd();
	expect_holder(port, getpid());
}

static void listener_of_its_own_with_a_high_number_is_found(void)
{
	int port = listen_high();

	fail_to_bind(port);
	expect_holder(port, getpid());
}

static void holder_with_a_high_number_is_said_to_be_missed(void)
{
	int port;

	open_lifeline();
	spawn(listen_high, &port);
	fail_to_bind(port);
	dismiss_crowd();
	tell("expect",
	     "holder: listener LISTEN 127.0.0.1:%d a process that was not "
	     "found (uid %d)\n",
	     port, getuid());
	tell("expect", " not every descriptor was looked at: `tcpshadow port`");
	tell("refuse", "    of 1 processes ");
	tell("refuse", "a process that cannot be seen");
}

static pid_t run_another_program(void)
{
	char name[32] = "";
	char path[64];
	pid_t child = fork();

	if (child == 0) {
		dup2(lifeline[0], 0);
		close(lifeline[1]);
		execlp("cat", "cat", NULL);
		_exit(1);
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", child);
	while (strcmp(name, "cat\n") != 0) {
		FILE *file = fopen(path, "r");

		CHECK(file && fgets(name, sizeof(name), file));
		fclose(file);
	}
	return child;
}

static void program_that_holds_a_closed_socket_is_found(void)
{
	struct pair pair;
	pid_t child;

	open_lifeline();
	gather_crowd();
	pair = make_pair();
	child = run_another_program();
	CHECK(close(pair.client) == 0);
	dismiss_crowd();
	tell("expect", "this close ends nothing: another program still holds "
		       "the socket [shared-close]");
	tell("expect", "held by pid %d (cat) fd %d\n", child, pair.client);
}

static int closed_number;

/* What was inherited goes beyond what is looked at. */
static int hold_high(void)
{
	enum { HIGH = 600 };

	fill_up_to(HIGH - 1);
	CHECK(dup2(closed_number, HIGH) == HIGH && close(closed_number) == 0);
	return 0;
}

static void unknown_holder_of_a_closed_socket_is_counted(void)
{
	struct pair pair = make_pair();
	int unused;

	open_lifeline();
	closed_number = pair.client;
	spawn(hold_high, &unused);
	CHECK(close(pair.client) == 0);
	dismiss_crowd();
	tell("refuse", "[shared-close]");
	tell("expect", "1 times who holds a socket after its close was not "
		       "found: ");
}

/* The same numbers without the socket, given up where nobody sees it. */
static int hold_others(void)
{
	enum { HIGH = 600 };

	CHECK(raw_close(closed_number) == 0);
	fill_up_to(HIGH);
	return 0;
}

/* Does the library look through /proc in that process? */
static bool is_searching(pid_t pid)
{
	enum { NUMBERS = 32 };
	char target[64];
	char path[64];

	for (int i = 0; i < NUMBERS; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, i);
		if (readlink(path, target, sizeof(target)) >= 5 &&
		    strncmp(target, "/proc", 5) == 0)
			return true;
	}
	return false;
}

/*
 * It is asked after all others: the closed socket has a holder when the search
 * begins, and has none when it comes to that.
 */
static void holder_that_goes_meanwhile_is_not_missed(void)
{
	struct pair pair = make_pair();
	struct pollfd dismissed;
	int gate[2];
	int unused;
	pid_t holder;
	char byte;

	CHECK(pipe(gate) == 0);
	open_lifeline();
	dismissed = (struct pollfd){ .fd = lifeline[0] };
	holder = fork();
	if (holder == 0) {
		CHECK(close(lifeline[1]) == 0);
		CHECK(read(gate[0], &byte, 1) == 1);
		while (!is_searching(getppid()) && poll(&dismissed, 1, 0) == 0)
			;
		raw_syscall(SYS_exit_group, 0, 0, 0);
	}
	closed_number = pair.client;
	for (int i = 0; i < CROWD; i++)
		spawn(hold_others, &unused);
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(close(pair.client) == 0);
	dismiss_crowd();
	tell("refuse", "who holds a socket after its close was not found");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(younger_holder_is_found),
	S(older_holder_is_found),
	S(listener_of_its_own_is_found),
	S(listener_of_its_own_with_a_high_number_is_found),
	S(holder_with_a_high_number_is_said_to_be_missed),
	S(program_that_holds_a_closed_socket_is_found),
	S(unknown_holder_of_a_closed_socket_is_counted),
	S(holder_that_goes_meanwhile_is_not_missed),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
