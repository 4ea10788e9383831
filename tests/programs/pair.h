/*
 * What the programs under test share: loopback connections and the lines that
 * tell the test what to expect.
 *
 * expect TEXT   the log must contain it
 * refuse TEXT   the log must not contain it
 * path FD A>B   the states of that descriptor, as the log has them
 * findings N RULE   so many findings of the rule, each at a place of its own
 * least N TEXT  the number behind this text in the log is not below N
 * silent WHY    the log is empty; without this it must not be
 * skip TEXT     it cannot be done here, and why: ends with SKIPPED
 */
#ifndef PROGRAMS_PAIR_H
#define PROGRAMS_PAIR_H

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void fail(const char *what)
{
	fprintf(stderr, "program: %s: %s\n", what, strerror(errno));
	exit(3);
}

#define CHECK(condition)                                                \
	do {                                                            \
		if (!(condition)) {                                     \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
			fail(#condition);                               \
		}                                                       \
	} while (0)

static inline void tell(const char *verb, const char *format, ...)
{
	va_list list;

	printf("%s ", verb);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
}

static inline struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
}

static inline int port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	return ntohs(address.sin_port);
}

static inline int listener_on(int port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(fd, 16) == 0);
	return fd;
}

static inline int connect_to(int fd, int port)
{
	struct sockaddr_in address = loopback(port);

	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

enum { SKIPPED = 77 };

static inline void skip(const char *reason)
{
	tell("skip", "%s", reason);
	exit(SKIPPED);
}

/* So many descriptors. Root has no limit, unless CAP_SYS_RESOURCE is gone. */
static inline void need_descriptors(rlim_t count)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur >= count)
		return;
	limit.rlim_cur = count;
	if (limit.rlim_max < count)
		limit.rlim_max = count;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		skip("may not have so many descriptors (ulimit -Hn)");
}

/* listener, client and server end of one connection */
struct pair {
	int listener;
	int client;
	int server;
};

static inline struct pair make_pair(void)
{
	struct pair pair = { .listener = listener_on(0) };

	pair.client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(pair.client >= 0);
	CHECK(connect_to(pair.client, port_of(pair.listener)) == 0);
	pair.server = accept(pair.listener, NULL, NULL);
	CHECK(pair.server >= 0);
	return pair;
}

/* The kernel's word, asked in a way that is no call on the socket for us. */
static inline int kernel_state(int fd)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t length = sizeof(info);

	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
	return info.tcpi_state;
}

static inline void wait_state(int fd, int state)
{
	for (int i = 0; i < 5000 && kernel_state(fd) != state; i++)
		poll(NULL, 0, 2);
	CHECK(kernel_state(fd) == state);
}

/*
 * Of the IPv4 socket with this local port, and that one at the peer (-1: any),
 * held by a process or not; 0: none.
 */
static inline int state_between(int port, int peer)
{
	FILE *file = fopen("/proc/thread-self/net/tcp", "r");
	unsigned int local;
	unsigned int remote;
	unsigned int state;
	char line[512];
	int found = 0;

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %*d: %*x:%x %*x:%x %x", &local, &remote,
			   &state) == 3 &&
		    (int)local == port && (peer < 0 || (int)remote == peer))
			found = (int)state;
	}
	fclose(file);
	return found;
}

static inline int table_state(int port)
{
	return state_between(port, -1);
}

static inline void wait_table_state(int port, int state)
{
	for (int i = 0; i < 5000 && table_state(port) != state; i++)
		poll(NULL, 0, 2);
	CHECK(table_state(port) == state);
}

static inline void wait_state_between(int port, int peer, int state)
{
	for (int i = 0; i < 5000 && state_between(port, peer) != state; i++)
		poll(NULL, 0, 2);
	CHECK(state_between(port, peer) == state);
}

static inline void wait_events(int fd, short events)
{
	struct pollfd wanted = { .fd = fd, .events = events };

	CHECK(poll(&wanted, 1, 10000) == 1);
}

/* Nobody accepts, and one more waits than the backlog has room for. */
static inline void overfill_a_queue(void)
{
	struct sockaddr_in address = loopback(0);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct tcp_info info = { .tcpi_unacked = 0 };
	socklen_t length = sizeof(info);

	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) ==
	      0);
	CHECK(listen(listener, 1) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(connect_to(socket(AF_INET, SOCK_STREAM, 0),
				 port_of(listener)) == 0);
	do {
		CHECK(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info,
				 &length) == 0);
	} while (info.tcpi_unacked < 2);
}

/* Until the thread, which tells its number itself, waits in the kernel. */
static inline void wait_until_it_sleeps(_Atomic pid_t *thread)
{
	char path[64];
	char state = 0;

	for (int i = 0; i < 5000 && state != 'S'; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
			 (int)*thread);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (file)
			fclose(file);
		poll(NULL, 0, 1);
	}
	CHECK(state == 'S');
}

/* Ends the connection with a reset. */
static inline void reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) ==
	      0);
	CHECK(close(fd) == 0);
}

/*
 * Drops what comes in for a socket, by the TCP flags (byte 13 of the header):
 * all segments when mask is 0, else those with (flags & mask) == value.
 */
static inline void deafen(int fd, unsigned int mask, unsigned int value)
{
	struct sock_filter all[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
	struct sock_filter some[] = {
		{ BPF_LD | BPF_B | BPF_ABS, 0, 0, 13 },
		{ BPF_ALU | BPF_AND | BPF_K, 0, 0, mask },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value },
		{ BPF_RET | BPF_K, 0, 0, 0 },
		{ BPF_RET | BPF_K, 0, 0, 0xffff },
	};
	struct sock_fprog program = { .len = mask ? 5 : 1,
				      .filter = mask ? some : all };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)) < 0) {
		CHECK(errno == EPERM);
		skip("needs CAP_NET_ADMIN to filter what comes to a socket");
	}
}

static inline void hear(int fd)
{
	int none = 0;

	CHECK(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none,
			 sizeof(none)) == 0);
}

/* A named part of a program. */
struct scenario {
	const char *name;
	void (*run)(void);
};

static inline int run_scenario(const struct scenario *scenarios, size_t count,
			       int argc, char **argv)
{
	for (size_t i = 0; i < count; i++) {
		if (argc == 1)
			puts(scenarios[i].name);
		else if (strcmp(scenarios[i].name, argv[1]) == 0) {
			scenarios[i].run();
			return 0;
		}
	}
	if (argc > 1)
		fprintf(stderr, "no scenario %s\n", argv[1]);
	return argc > 1 ? 4 : 0;
}

#define SCENARIO_COUNT(list) (sizeof(list) / sizeof((list)[0]))

#endif
