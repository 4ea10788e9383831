/*
 * An echo server on epoll, and its load.
 *
 *   echo serve             prints its port, serves until it is killed
 *   echo load PORT COUNT   opens COUNT connections; for each line of standard
 *                          input, a number of messages, sends them one by one
 *                          on connections all over, and prints how it went:
 *                          messages a second, and the 99th percentile in us
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 64, IN_FLIGHT = 32, EVENTS = 256 };

static void lift_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

static void answer(int fd)
{
	char buffer[MESSAGE];
	ssize_t got = read(fd, buffer, sizeof(buffer));

	if (got > 0 && write(fd, buffer, (size_t)got) == got)
		return;
	close(fd);
}

static int serve(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int epoll = epoll_create1(0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 4096) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		err(1, "listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	watch(epoll, listener);
	for (;;) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				watch(epoll, accept(listener, NULL, NULL));
			else
				answer(fd);
		}
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a;
	double two = *(const double *)b;

	return (one > two) - (one < two);
}

static double *sent_at; /* by descriptor */

static void send_one(int fd)
{
	char buffer[MESSAGE] = { 0 };

	sent_at[fd] = now();
	if (write(fd, buffer, sizeof(buffer)) != sizeof(buffer))
		err(1, "write");
}

/* IN_FLIGHT messages are under way at once; an answer sends the next one. */
static void run(int epoll, const int *fds, int count, int messages)
{
	double *times = calloc((size_t)messages, sizeof(*times));
	double start = now();
	int sent = 0;
	int done = 0;

	while (sent < IN_FLIGHT && sent < messages)
		send_one(fds[sent++ * 7919 % count]);
	while (done < messages) {
		struct epoll_event events[EVENTS];
		int ready = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < ready; i++) {
			char buffer[MESSAGE];
			int fd = events[i].data.fd;

			if (read(fd, buffer, sizeof(buffer)) <= 0)
				err(1, "read");
			times[done++] = now() - sent_at[fd];
			if (sent < messages)
				send_one(fds[(long)sent++ * 7919 % count]);
		}
	}
	start = now() - start;
	qsort(times, (size_t)messages, sizeof(*times), by_size);
	printf("%.0f %.0f\n", messages / start * 1e6,
	       times[messages * 99L / 100]);
	fflush(stdout);
	free(times);
}

static int load(int port, int count)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int *fds = calloc((size_t)count, sizeof(*fds));
	int epoll = epoll_create1(0);
	char line[64];
	int on = 1;

	sent_at = calloc((size_t)count + 64, sizeof(*sent_at));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)port);
	for (int i = 0; i < count; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fds[i], (struct sockaddr *)&address,
			    sizeof(address)))
			err(1, "connection %d", i);
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		watch(epoll, fds[i]);
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		run(epoll, fds, count, atoi(line));
	return 0;
}

int main(int argc, char **argv)
{
	lift_limit();
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		return serve();
	if (argc == 4 && strcmp(argv[1], "load") == 0)
		return load(atoi(argv[2]), atoi(argv[3]));
	errx(2, "usage: echo serve | echo load PORT COUNT");
}
