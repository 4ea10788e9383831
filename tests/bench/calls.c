/*
 * What a call costs, pairwise inside one process: libc's function called
 * directly against the call as the program makes it, which a preloaded library
 * may have taken over. Bursts of both alternate, so that the noise of the
 * machine meets both alike.
 *
 *   calls time             a line an operation: name, ns by libc, ns added,
 *                          least and most of the rounds, calls in one operation
 *   calls count            the same operations once, for callgrind: each burst
 *                          ends with a dump that is named after it
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

/* The functions that are timed: libc's own, or those the program gets. */
struct calls {
	__typeof__(read) *read;
	__typeof__(write) *write;
	__typeof__(recv) *recv;
	__typeof__(send) *send;
	__typeof__(readv) *readv;
	__typeof__(writev) *writev;
	__typeof__(close) *close;
	__typeof__(socket) *socket;
	__typeof__(connect) *connect;
	__typeof__(accept) *accept;
};

enum { UNKNOWN_LOW = 4000, UNKNOWN_HIGH = 400000 };

static int pair[2]; /* a connection over loopback, both ends */
static int listener;
static struct sockaddr_in address;
static int file;
static int null;

static void read_write(const struct calls *c)
{
	char byte = 0;

	if (c->write(pair[0], &byte, 1) != 1 || c->read(pair[1], &byte, 1) != 1)
		err(1, "read_write");
}

static void send_recv(const struct calls *c)
{
	char byte = 0;

	if (c->send(pair[0], &byte, 1, 0) != 1 ||
	    c->recv(pair[1], &byte, 1, 0) != 1)
		err(1, "send_recv");
}

static void vectors(const struct calls *c)
{
	char byte = 0;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };

	if (c->writev(pair[0], &part, 1) != 1 ||
	    c->readv(pair[1], &part, 1) != 1)
		err(1, "vectors");
}

static void write_only(const struct calls *c)
{
	char byte = 0;

	if (c->write(pair[0], &byte, 1) != 1)
		err(1, "write_only");
}

static void read_only(const struct calls *c)
{
	char byte = 0;

	if (c->read(pair[1], &byte, 1) != 1)
		err(1, "read_only");
}

static void send_only(const struct calls *c)
{
	char byte = 0;

	if (c->send(pair[0], &byte, 1, 0) != 1)
		err(1, "send_only");
}

static void recv_only(const struct calls *c)
{
	char byte = 0;

	if (c->recv(pair[1], &byte, 1, 0) != 1)
		err(1, "recv_only");
}

static void recv_eagain(const struct calls *c)
{
	char byte;

	c->recv(pair[1], &byte, 1, MSG_DONTWAIT);
}

static void file_read(const struct calls *c)
{
	char byte;

	c->read(file, &byte, 1);
}

static void null_write(const struct calls *c)
{
	char byte = 0;

	c->write(null, &byte, 1);
}

static void close_unknown(const struct calls *c)
{
	c->close(UNKNOWN_LOW);
}

static void close_unknown_high(const struct calls *c)
{
	c->close(UNKNOWN_HIGH);
}

/* The client closes first: its TIME_WAIT is not on the listener's port. */
static void connection(const struct calls *c)
{
	char byte;
	int client = c->socket(AF_INET, SOCK_STREAM, 0);
	int server;

	if (c->connect(client, (struct sockaddr *)&address, sizeof(address)))
		err(1, "connect");
	server = c->accept(listener, NULL, NULL);
	c->close(client);
	c->read(server, &byte, 1);
	c->close(server);
}

static const struct operation {
	const char *name;
	int calls;
	int burst;
	void (*run)(const struct calls *c);
	bool one_way; /* fills, or empties, the connection */
} operations[] = {
	{ "write+read on a connection", 2, 300, read_write, false },
	{ "send+recv on a connection", 2, 300, send_recv, false },
	{ "writev+readv on a connection", 2, 300, vectors, false },
	{ "write alone on a connection", 1, 300, write_only, true },
	{ "read alone on a connection", 1, 300, read_only, true },
	{ "recv EAGAIN on a connection", 1, 2000, recv_eagain, false },
	{ "read of a file", 1, 2000, file_read, false },
	{ "write to /dev/null", 1, 2000, null_write, false },
	{ "close of an unknown number", 1, 4000, close_unknown, false },
	{ "close of a high unknown number", 1, 4000, close_unknown_high,
	  false },
	{ "send alone on a connection", 1, 300, send_only, true },
	{ "recv alone on a connection", 1, 300, recv_only, true },
	{ "connect+accept+read+close", 6, 20, connection, false },
};

enum {
	OPERATIONS = sizeof(operations) / sizeof(operations[0]),
	ROUNDS = 5,
	BURSTS = 31
};

static void set_up(void)
{
	socklen_t length = sizeof(address);
	int on = 1;

	address = (struct sockaddr_in){ .sin_family = AF_INET };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		err(1, "listen");
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(pair[0], (struct sockaddr *)&address, sizeof(address)))
		err(1, "connect");
	pair[1] = accept(listener, NULL, NULL);
	setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	file = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	if (pair[1] < 0 || file < 0 || null < 0)
		err(1, "set up");
}

static void *of_libc(const char *name)
{
	static void *libc;

	if (!libc)
		libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	return libc ? dlsym(libc, name) : NULL;
}

static const struct calls as_made = { read,   write, recv,   send,    readv,
				      writev, close, socket, connect, accept };

static struct calls libc_calls(void)
{
	return (struct calls){
		of_libc("read"),   of_libc("write"),  of_libc("recv"),
		of_libc("send"),   of_libc("readv"),  of_libc("writev"),
		of_libc("close"),  of_libc("socket"), of_libc("connect"),
		of_libc("accept"),
	};
}

/*
 * One way traffic needs the other half around it, untimed, and by libc. What is
 * sent is held back meanwhile: its way to the other end takes five times what
 * the call takes, and varies by more than what is to be measured.
 */
static void around(const struct operation *operation, const struct calls *libc,
		   bool before)
{
	static char bytes[4096];
	bool sends = operation->run == write_only ||
		     operation->run == send_only;
	int left = operation->burst;
	int hold = before;

	if (!operation->one_way)
		return;
	if (sends &&
	    setsockopt(pair[0], IPPROTO_TCP, TCP_CORK, &hold, sizeof(hold)))
		err(1, "TCP_CORK");
	while (sends && !before && left > 0)
		left -= (int)libc->read(pair[1], bytes, (size_t)left);
	if (!sends && before)
		libc->write(pair[0], bytes, (size_t)left);
}

static double burst(const struct operation *operation, const struct calls *c,
		    const struct calls *libc)
{
	struct timespec from;
	struct timespec to;

	around(operation, libc, true);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < operation->burst; i++)
		operation->run(c);
	clock_gettime(CLOCK_MONOTONIC, &to);
	around(operation, libc, false);
	return ((double)(to.tv_sec - from.tv_sec) * 1e9 +
		(double)(to.tv_nsec - from.tv_nsec)) /
	       operation->burst;
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a;
	double two = *(const double *)b;

	return (one > two) - (one < two);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), by_size);
	return values[count / 2];
}

static void measure(const struct operation *operation, const struct calls *libc)
{
	double added[ROUNDS];
	double base[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		double direct[BURSTS];
		double made[BURSTS];

		for (int i = 0; i < BURSTS; i++) {
			bool swap = i & 1;

			if (swap)
				made[i] = burst(operation, &as_made, libc);
			direct[i] = burst(operation, libc, libc);
			if (!swap)
				made[i] = burst(operation, &as_made, libc);
		}
		base[round] = median(direct, BURSTS);
		added[round] = median(made, BURSTS) - base[round];
	}
	qsort(added, ROUNDS, sizeof(*added), by_size);
	printf("%s\t%.1f\t%.1f\t%.1f\t%.1f\t%d\n", operation->name,
	       median(base, ROUNDS), added[ROUNDS / 2], added[0],
	       added[ROUNDS - 1], operation->calls);
	fflush(stdout);
}

/* After a warm-up: a connection that is written to for long is what counts. */
static void count(const struct operation *operation, const struct calls *libc,
		  const struct calls *c, const char *who)
{
	enum { TIMES = 512, WARM = 6500 };
	struct operation few = *operation;
	char label[128];

	for (int i = 0; i < WARM; i++)
		read_write(c);

	few.burst = TIMES;
	around(&few, libc, true);
	snprintf(label, sizeof(label), "%s|%s|%d", who, operation->name, TIMES);
	CALLGRIND_ZERO_STATS;
	for (int i = 0; i < TIMES; i++)
		operation->run(c);
	CALLGRIND_DUMP_STATS_AT(label);
	around(&few, libc, false);
}

int main(int argc, char **argv)
{
	struct calls libc = libc_calls();
	bool counting = argc > 1 && strcmp(argv[1], "count") == 0;

	if (!libc.read || !libc.accept)
		errx(1, "no libc.so.6");
	set_up();
	/* The first write on a connection is looked at; these come after. */
	read_write(&as_made);
	read_write(&as_made);
	for (int i = 0; i < OPERATIONS; i++) {
		if (!counting) {
			measure(&operations[i], &libc);
			continue;
		}
		count(&operations[i], &libc, &libc, "libc");
		count(&operations[i], &libc, &as_made, "made");
	}
	return 0;
}
