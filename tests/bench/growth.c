/*
 * Do the costs of the library grow with the number of sockets?
 *
 *   growth measure COUNT   with COUNT connected sockets open in this process:
 *                          a line each, name and ns that the library adds
 *   growth hold COUNT      opens them, prints "ready", and waits: sockets of
 *                          another process on the same machine
 *   growth memory COUNT    opens COUNT sockets: prints what is resident before
 *                          and after, in bytes
 *   growth numbers COUNT   copies one socket onto COUNT descriptors, writes on
 *                          the last one, and prints the same
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The numbers of more than these are never looked at together. */
enum { ADDRESSES = 16, REPEAT = 9 };

extern double ending_from; /* ending.c: prints what the end has taken */

static int listener;
static int newest[2];
static struct sockaddr_in address;

static __typeof__(read) *libc_read;
static __typeof__(write) *libc_write;
static __typeof__(close) *libc_close;
static __typeof__(bind) *libc_bind;
static __typeof__(execv) *libc_execv;

static void *of_libc(const char *name)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	void *found = libc ? dlsym(libc, name) : NULL;

	if (!found)
		errx(1, "%s not found", name);
	return found;
}

static void lift_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void start_listening(void)
{
	socklen_t length = sizeof(address);

	address = (struct sockaddr_in){ .sin_family = AF_INET };
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1024) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		err(1, "listen");
}

/* Over several addresses, because one has not enough ports. */
static void connect_pairs(int count)
{
	for (int i = 0; i < count; i++) {
		struct sockaddr_in to = address;

		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i % ADDRESSES);
		newest[0] = socket(AF_INET, SOCK_STREAM, 0);
		if (newest[0] < 0 ||
		    connect(newest[0], (struct sockaddr *)&to, sizeof(to)))
			err(1, "connection %d", i);
		newest[1] = accept(listener, NULL, NULL);
		if (newest[1] < 0)
			err(1, "accept %d", i);
	}
}

static void by_pair(bool direct)
{
	char byte = 0;
	bool good = direct ? libc_write(newest[0], &byte, 1) == 1 &&
				     libc_read(newest[1], &byte, 1) == 1
			   : write(newest[0], &byte, 1) == 1 &&
				     read(newest[1], &byte, 1) == 1;

	if (!good)
		err(1, "write+read");
}

static void by_close(bool direct)
{
	(void)(direct ? libc_close(900000) : close(900000));
}

static int busy; /* a socket that cannot be bound to the listener's port */

static void by_bind(bool direct)
{
	const struct sockaddr *to = (const struct sockaddr *)&address;
	int result = direct ? libc_bind(busy, to, sizeof(address))
			    : bind(busy, to, sizeof(address));

	if (result == 0 || errno != EADDRINUSE)
		err(1, "bind");
}

static void by_exec(bool direct)
{
	char *arguments[] = { NULL, NULL };

	(void)(direct ? libc_execv("/nonexistent", arguments)
		      : execv("/nonexistent", arguments));
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a;
	double two = *(const double *)b;

	return (one > two) - (one < two);
}

static double timed(void (*run)(bool), bool direct, int burst)
{
	double from = now();

	for (int i = 0; i < burst; i++)
		run(direct);
	return (now() - from) / burst;
}

static void measure(const char *name, void (*run)(bool), int burst)
{
	double direct[REPEAT];
	double made[REPEAT];

	for (int i = 0; i < REPEAT; i++) {
		direct[i] = timed(run, true, burst);
		made[i] = timed(run, false, burst);
	}
	qsort(direct, REPEAT, sizeof(*direct), by_size);
	qsort(made, REPEAT, sizeof(*made), by_size);
	printf("%s\t%.1f\n", name, made[REPEAT / 2] - direct[REPEAT / 2]);
	fflush(stdout);
}

static void measure_all(int count)
{
	start_listening();
	connect_pairs(count / 2);
	busy = socket(AF_INET, SOCK_STREAM, 0);
	libc_read = of_libc("read");
	libc_write = of_libc("write");
	libc_close = of_libc("close");
	libc_bind = of_libc("bind");
	libc_execv = of_libc("execv");
	by_pair(false);
	measure("write+read", by_pair, 1000);
	measure("close of an unknown number", by_close, 5000);
	printf("first failing bind\t%.1f\n",
	       timed(by_bind, false, 1) - timed(by_bind, true, 1));
	measure("failing bind, explained before", by_bind, 20);
	measure("exec that fails", by_exec, 1);
	ending_from = now();
}

/* /proc/self/statm counts pages; the second number is what is resident. */
static long resident(void)
{
	char text[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY);
	long size = 0;
	long pages = 0;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ||
	    sscanf(text, "%ld %ld", &size, &pages) != 2)
		errx(1, "/proc/self/statm");
	close(fd);
	return pages * sysconf(_SC_PAGESIZE);
}

static void memory(int count)
{
	long before = resident();

	for (int i = 0; i < count; i++) {
		if (socket(AF_INET, SOCK_STREAM, 0) < 0)
			err(1, "socket %d", i);
	}
	printf("%ld %ld\n", before, resident());
}

static void numbers(int count)
{
	long before = resident();
	int last = -1;

	start_listening();
	connect_pairs(1);
	while (count-- > 0) {
		int copy = dup(newest[0]);

		if (copy < 0)
			err(1, "dup after %d", last);
		last = copy;
	}
	newest[0] = last;
	by_pair(false);
	printf("%ld %ld %d\n", before, resident(), last);
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[2]) : -1;

	lift_limit();
	if (count < 0)
		errx(2, "usage: growth measure|hold|memory|numbers COUNT");
	if (strcmp(argv[1], "measure") == 0)
		measure_all(count);
	if (strcmp(argv[1], "memory") == 0)
		memory(count);
	if (strcmp(argv[1], "numbers") == 0) {
		libc_write = of_libc("write");
		libc_read = of_libc("read");
		numbers(count);
	}
	if (strcmp(argv[1], "hold") == 0) {
		start_listening();
		connect_pairs(count / 2);
		puts("ready");
		fflush(stdout);
		getchar();
	}
	return 0;
}
