/* build: -pthread -Wno-stringop-overflow -Wno-stringop-overread */
/*
 * Calls on descriptors that are not followed, and on numbers that were: they
 * come to what they come to without the library.
 */
#include <stddef.h>
#include <sys/un.h>

#include "others.h"

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void never_wait(int fd)
{
	CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

/* What `fd` can be made to hand out. */
static void show_all(int fd)
{
	char data[256];
	ssize_t size;

	while ((size = read(fd, data, sizeof(data))) > 0)
		printf("  read: %.*s\n", (int)size, data);
	printf("  read = %zd %d\n", size, size < 0 ? errno : 0);
}

/* What goes in at one comes out at the other: every call on both. */
static void all_calls(int in, int out)
{
	never_wait(in);
	never_wait(out);
	EACH(caller, writers)
	{
		make(caller, in);
		show_all(out);
	}
	EACH(caller, readers)
	{
		(void)!write(in, "from in", 7);
		make(caller, out);
		show_all(out);
		/* Nothing is there. */
		make(caller, out);
	}
	EACH(caller, askers)
	make(caller, out);
}

/* The calls that give and take numbers. */
static void all_copies(int fd)
{
	FILE *stream;

	SHOW(dup(fd));
	SHOW(dup2(fd, 40));
	SHOW(dup2(fd, fd) == fd);
	SHOW(dup3(fd, 41, O_CLOEXEC));
	SHOW(dup3(fd, fd, 0));
	SHOW(fcntl(fd, F_DUPFD, 42));
	SHOW(fcntl64(fd, F_DUPFD_CLOEXEC, 42));
	SHOW(close(40));
	SHOW(close(40));
	SHOW(close_range(41, 42, 0));
	SHOW((stream = fdopen(43, "r+")) != NULL);
	if (stream)
		SHOW(fclose(stream));
	SHOW(close(43));
	SHOW((stream = fdopen(dup(fd), "r")) != NULL);
	if (stream)
		SHOW(fclose(freopen("/dev/null", "r", stream)));
	SHOW(close(fd));
	SHOW(close(fd));
	tell("silent", "none of it is TCP");
}

static void a_pair_of(int type)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
	all_calls(pair[0], pair[1]);
	/* With nobody at the other end. */
	signal(SIGPIPE, count_signal);
	CHECK(close(pair[1]) == 0);
	EACH(caller, writers)
	{
		make(caller, pair[0]);
		printf("  signals %d\n", signals);
	}
	EACH(caller, readers)
	make(caller, pair[0]);
	all_copies(pair[0]);
}

static void unix_stream_sockets(void)
{
	a_pair_of(SOCK_STREAM);
}

static void unix_datagram_sockets(void)
{
	a_pair_of(SOCK_DGRAM);
}

static void unix_packet_sockets(void)
{
	a_pair_of(SOCK_SEQPACKET);
}

static void udp_sockets(void)
{
	struct sockaddr_in here = loopback(0);
	int in = socket(AF_INET, SOCK_DGRAM, 0);
	int out = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(bind(out, (struct sockaddr *)&here, sizeof(here)) == 0);
	CHECK(connect_to(in, port_of(out)) == 0);
	all_calls(in, out);
	/* Refused: nobody has the port any more. */
	CHECK(close(out) == 0);
	EACH(caller, writers)
	make(caller, in);
	all_copies(in);
}

static void listeners_of_other_families(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0me" };
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 3;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	int server;

	/* Autobound names are unique; this one is told by the process id. */
	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%d", getpid());
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   strlen(name.sun_path + 1));
	SHOW(bind(listener, (struct sockaddr *)&name, size));
	SHOW(bind(client, (struct sockaddr *)&name, size));
	SHOW(listen(listener, 1));
	SHOW(connect(client, (struct sockaddr *)&name, size));
	SHOW(server = accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	all_calls(client, server);
	SHOW(shutdown(client, SHUT_WR));
	SHOW(read(server, got, 1));
	SHOW(shutdown(server, SHUT_RDWR));
	SHOW(close(client));
	SHOW(close(server));
	all_copies(listener);
}

static void pipe_ends(void)
{
	int ends[2];

	CHECK(pipe(ends) == 0);
	all_calls(ends[1], ends[0]);
	signal(SIGPIPE, count_signal);
	CHECK(close(ends[0]) == 0);
	EACH(caller, writers)
	{
		make(caller, ends[1]);
		printf("  signals %d\n", signals);
	}
	all_copies(ends[1]);
}

static void files(void)
{
	int file = memfd_create("file", 0);
	int null = open("/dev/null", O_RDWR);

	EACH(caller, writers)
	{
		make(caller, file);
		printf("  at %ld\n", (long)lseek(file, 0, SEEK_CUR));
	}
	CHECK(lseek(file, 0, SEEK_SET) == 0);
	EACH(caller, readers)
	{
		make(caller, file);
		printf("  at %ld\n", (long)lseek(file, 0, SEEK_CUR));
	}
	EACH(caller, askers)
	make(caller, file);
	all_calls(null, null);
	all_copies(null);
}

static void numbers_that_are_none(void)
{
	static const int numbers[] = { -1, 1000, 70000, INT_MAX, INT_MIN };

	for (size_t i = 0; i < SCENARIO_COUNT(numbers); i++) {
		int fd = numbers[i];

		EACH(caller, writers)
		make(caller, fd);
		EACH(caller, readers)
		make(caller, fd);
		EACH(caller, askers)
		make(caller, fd);
		SHOW(dup(fd));
		SHOW(dup2(fd, 40));
		SHOW(dup3(fd, 40, 0));
		SHOW(fcntl(fd, F_DUPFD, 0));
		SHOW(fcntl64(fd, F_DUPFD, 0));
		SHOW(close(fd));
		SHOW(fdopen(fd, "r") != NULL);
	}
	tell("silent", "none of it is TCP");
}

/* --- numbers that were sockets ---------------------------------------------- */

enum { BURIED = 500 };

/* A connection whose client was BURIED, which nobody else is given. */
static struct pair bury(void)
{
	struct pair pair = make_pair();

	CHECK(dup2(pair.client, BURIED) == BURIED);
	CHECK(close(pair.client) == 0);
	CHECK(close(BURIED) == 0);
	return pair;
}

static void expect_use(const struct caller *caller)
{
	tell("expect", "%s() of fd %d, a socket that has been closed",
	     caller->name, BURIED);
}

static void use_after_close(const struct caller *list, size_t count)
{
	prepare();
	bury();
	for (size_t i = 0; i < count; i++) {
		make(&list[i], BURIED);
		CHECK(result == -1);
		expect_use(&list[i]);
	}
	tell("findings", "%zu use-after-close", count);
	tell("findings", "0 double-close");
}

static void reads_after_close(void)
{
	use_after_close(readers, SCENARIO_COUNT(readers));
}

static void writes_after_close(void)
{
	use_after_close(writers, SCENARIO_COUNT(writers));
}

static void questions_after_close(void)
{
	use_after_close(askers, SCENARIO_COUNT(askers));
}

static void copies_after_close(void)
{
	use_after_close(copiers, SCENARIO_COUNT(copiers));
}

/* A program may ask whether a number is taken, and mark all that there are. */
static void questions_whether_it_is_open(void)
{
	bury();
	SHOW(fcntl(BURIED, F_GETFD));
	SHOW(fcntl64(BURIED, F_GETFD));
	SHOW(fcntl(BURIED, F_SETFD, FD_CLOEXEC));
	SHOW(fcntl(BURIED, F_GETFL));
	SHOW(dup2(BURIED, BURIED));
	tell("findings", "0 use-after-close");
	tell("findings", "0 double-close");
}

static void stream_after_close(void)
{
	struct pair pair = make_pair();
	FILE *stream = fdopen(pair.client, "r+");

	CHECK(stream && close(pair.client) == 0);
	SHOW(fclose(stream));
	tell("expect", "fclose() of fd %d, a socket that was closed before",
	     pair.client);
	tell("findings", "1 double-close");
	tell("findings", "0 use-after-close");
}

static void closes_after_close(void)
{
	bury();
	SHOW(close(BURIED));
	SHOW(syscall(SYS_close, BURIED));
	SHOW(close_range(BURIED, BURIED, 0));
	tell("expect", "close() of fd %d, a socket that was closed before",
	     BURIED);
	tell("findings", "2 double-close");
	tell("findings", "0 use-after-close");
}

/* Given to others by calls that are not wrapped: no fault of the program. */
static void the_number_of_a_socket_given_to_another(void)
{
	int pair[2];

	prepare();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	never_wait(pair[0]);
	never_wait(pair[1]);
	EACH(caller, readers)
	{
		bury();
		CHECK(raw_dup2(pair[0], BURIED) == BURIED);
		CHECK(write(pair[1], "others", 6) == 6);
		make(caller, BURIED);
		show_all(pair[0]);
	}
	EACH(caller, writers)
	{
		bury();
		CHECK(raw_dup2(pair[0], BURIED) == BURIED);
		make(caller, BURIED);
		show_all(pair[1]);
	}
	EACH(caller, askers)
	{
		bury();
		CHECK(raw_dup2(pair[0], BURIED) == BURIED);
		make(caller, BURIED);
	}
	tell("findings", "0 use-after-close");
	tell("findings", "0 double-close");
}

/* The end of a connection at BURIED, put there by calls that nobody sees. */
static int connect_unseen(struct pair *pair)
{
	struct sockaddr_in to = loopback(port_of(pair->listener));
	long fd = raw_syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	int server;

	CHECK(raw_syscall(SYS_connect, fd, (long)&to, sizeof(to)) == 0);
	CHECK(raw_dup2((int)fd, BURIED) == BURIED);
	CHECK(raw_close((int)fd) == 0);
	CHECK(close(pair->server) == 0);
	server = accept(pair->listener, NULL, NULL);
	CHECK(server >= 0);
	return server;
}

/* It is followed from the call on that shows it. */
static void the_number_of_a_socket_given_to_a_connection(void)
{
	EACH(caller, readers)
	{
		struct pair pair = bury();
		int server = connect_unseen(&pair);

		CHECK(write(server, "others", 6) == 6);
		CHECK(shutdown(server, SHUT_WR) == 0);
		wait_events(BURIED, POLLRDHUP);
		make(caller, BURIED);
		CHECK(close(pair.listener) == 0 && close(server) == 0);
		CHECK(close(BURIED) == 0);
	}
	EACH(caller, writers)
	{
		struct pair pair = bury();
		int server = connect_unseen(&pair);

		make(caller, BURIED);
		never_wait(server);
		if (result > 0)
			wait_events(server, POLLIN);
		show_all(server);
		CHECK(shutdown(BURIED, SHUT_WR) == 0);
		CHECK(close(pair.listener) == 0 && close(server) == 0);
		CHECK(close(BURIED) == 0);
	}
	tell("expect", "fd %d ", BURIED);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
	tell("findings", "0 use-after-close");
	tell("findings", "0 double-close");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(unix_stream_sockets),
	S(unix_datagram_sockets),
	S(unix_packet_sockets),
	S(udp_sockets),
	S(listeners_of_other_families),
	S(pipe_ends),
	S(files),
	S(numbers_that_are_none),
	S(reads_after_close),
	S(writes_after_close),
	S(questions_after_close),
	S(copies_after_close),
	S(questions_whether_it_is_open),
	S(stream_after_close),
	S(closes_after_close),
	S(the_number_of_a_socket_given_to_another),
	S(the_number_of_a_socket_given_to_a_connection),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
