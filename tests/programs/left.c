/*
 * Findings that are made at the end, or again and again: left WHAT COUNT. All
 * of a kind come from one line of one function, which is called known_*.
 *
 * leaks       connections that the peer has closed, and the program not
 * other       the same, and one more that is accepted by another function
 * open        sockets that are not closed
 * duplicates  ... whose duplicate is closed
 * passed      ... that are closed, and held by another program
 * listeners   over an exec, by a program that uses none
 * family      a double close, and COUNT more of it by a child
 * refused     a connection to one port, and COUNT to another
 */
#include "pair.h"

/* Exported: so a suppression finds them without debug information too. */
int known_accept(int listener);
int other_accept(int listener);
int known_socket(void);
int known_close(int fd);

int known_accept(int listener)
{
	int fd = accept(listener, NULL, NULL);

	CHECK(fd >= 0);
	return fd;
}

int other_accept(int listener)
{
	int fd = accept(listener, NULL, NULL);

	CHECK(fd >= 0);
	return fd;
}

int known_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	return fd;
}

int known_close(int fd)
{
	int result = close(fd);

	CHECK(result == 0 || errno == EBADF);
	return result;
}

static void refuse(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect_to(fd, port) == -1 && errno == ECONNREFUSED);
	CHECK(close(fd) == 0);
}

static int connected(int listener)
{
	int fd = known_socket();

	CHECK(connect_to(fd, port_of(listener)) == 0);
	return fd;
}

static void leak(int listener, int (*accept_one)(int))
{
	int client = connected(listener);
	int server = accept_one(listener);
	char byte;

	CHECK(close(client) == 0);
	CHECK(read(server, &byte, 1) == 0);
}

static void leaks_and(int count, bool another)
{
	int listener = listener_on(0);
	int client;

	for (int i = 0; i < count; i++)
		leak(listener, known_accept);
	if (another)
		leak(listener, other_accept);
	/* Those before it are not left to exit(). */
	client = connected(listener);
	CHECK(close(other_accept(listener)) == 0 && close(client) == 0);
	CHECK(close(listener) == 0);
}

static void leaks(int count)
{
	leaks_and(count, false);
}

static void duplicates(int count)
{
	int listener = listener_on(0);

	for (int i = 0; i < count; i++) {
		int client = connected(listener);

		known_accept(listener);
		CHECK(dup(client) >= 0);
		known_close(client);
	}
	CHECK(close(listener) == 0);
}

static void become(char *name)
{
	char *argv[] = { name, name[0] == 's' ? "30" : NULL, NULL };

	execvp(name, argv);
	_exit(1);
}

static void wait_for_program(pid_t child, const char *name)
{
	char path[64];
	char line[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", child);
	do {
		FILE *file = fopen(path, "r");

		CHECK(file && fgets(line, sizeof(line), file));
		fclose(file);
		line[strcspn(line, "\n")] = '\0';
	} while (strcmp(line, name) != 0);
}

static void passed(int count)
{
	int listener = listener_on(0);
	int clients[count];
	pid_t child;

	CHECK(fcntl(listener, F_SETFD, FD_CLOEXEC) == 0);
	for (int i = 0; i < count; i++) {
		clients[i] = connected(listener);
		CHECK(fcntl(known_accept(listener), F_SETFD, FD_CLOEXEC) == 0);
	}
	child = fork();
	if (child == 0)
		become("sleep");
	wait_for_program(child, "sleep");
	for (int i = 0; i < count; i++)
		known_close(clients[i]);
	CHECK(close(listener) == 0);
}

static void listeners(int count)
{
	int status;
	pid_t child;

	for (int i = 0; i < count; i++)
		CHECK(listen(known_socket(), 1) == 0);
	child = fork();
	if (child == 0)
		become("true");
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* The closes of both processes have one stack. */
static void family(int count)
{
	int fd = known_socket();
	pid_t child = 0;

	for (int i = 0; i < count + 2; i++) {
		if (i == 2)
			child = fork();
		if (i == 2 && child == 0)
			CHECK(close(fd = known_socket()) == 0);
		if (child == 0)
			known_close(fd);
	}
	if (child == 0)
		exit(0);
	CHECK(waitpid(child, NULL, 0) == child);
}

/* Bound, not listening: nobody else gets the ports. */
static void refused(int count)
{
	int ports[2];

	for (int i = 0; i < 2; i++) {
		struct sockaddr_in any = loopback(0);
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		CHECK(bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0);
		ports[i] = port_of(fd);
	}
	for (int i = 0; i <= count; i++)
		refuse(ports[i > 0]);
}

static void other(int count)
{
	leaks_and(count, true);
}

static void open_sockets(int count)
{
	for (int i = 0; i < count; i++)
		known_socket();
}

static const struct {
	const char *name;
	void (*run)(int count);
} kinds[] = {
	{ "leaks", leaks },       { "other", other },
	{ "open", open_sockets }, { "duplicates", duplicates },
	{ "passed", passed },     { "listeners", listeners },
	{ "family", family },     { "refused", refused },
};

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	for (size_t i = 0; i < SCENARIO_COUNT(kinds); i++) {
		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		kinds[i].run(atoi(argv[2]));
		return 0;
	}
	return 4;
}
