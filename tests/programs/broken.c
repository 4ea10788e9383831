/* build: -pthread -Wno-stringop-overread */
/*
 * Writes to a connection that is no more, in the ways that are rare: what is
 * said of them, and that the signal comes as it would. (The test makes a
 * silence so long that no write looks at its connection first.)
 */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "torture.h"

static char byte;
static struct iovec part = { "x", 1 };
static struct iovec nothing[2];

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/* The peer has closed, and answered a write by a reset. */
static struct pair broken_pair(void)
{
	struct pair pair = make_pair();

	exchange(&pair, 1);
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLRDHUP);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, POLLERR);
	return pair;
}

static void dies(void (*function)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		function();
		_exit(9);
	}
	CHECK(waitpid(child, &status, 0) == child);
	SHOW(status);
	tell("findings", "1 sigpipe-death");
}

/* --- deaths, and their reasons
 * ------------------------------------------------ */

static void write_unconnected(void)
{
	(void)!write(socket(AF_INET, SOCK_STREAM, 0), "x", 1);
}

static void death_of_a_socket_that_was_never_connected(void)
{
	dies(write_unconnected);
	tell("expect", "the socket was never connected");
}

static void write_after_reset(void)
{
	struct pair pair = make_pair();

	reset(pair.server);
	wait_events(pair.client, POLLERR);
	CHECK(read(pair.client, &byte, 1) == -1 && errno == ECONNRESET);
	(void)!write(pair.client, "x", 1);
}

static void death_by_a_connection_that_had_ended(void)
{
	dies(write_after_reset);
	tell("expect", "the connection had ended before this write");
}

static void write_after_shutdown(void)
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	(void)!write(pair.client, "x", 1);
}

static void death_after_the_own_shutdown(void)
{
	dies(write_after_shutdown);
	tell("expect", "this side had ended its sending direction by");
}

/* --- a half-close that ends in a reset
 * ------------------------------------------ */

/* The peer reads on, as far as can be known: it goes without having read. */
static void the_peer_goes_without_reading(void)
{
	struct pair pair = make_pair();

	signal(SIGPIPE, count_signal);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	SHOW(read(pair.client, &byte, 1));
	SHOW(write(pair.client, "x", 1));
	wait_events(pair.server, POLLIN);
	tell("refuse", "this write goes to a peer that has closed");
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLERR);
	SHOW(write(pair.client, "x", 1));
	SHOW(signals);
	tell("expect", "the first write() after the peer's close:");
	tell("findings", "1 write-after-peer-close");
}

/* Nothing was written: no fault of this side. */
static void the_peer_resets_what_it_had_half_closed(void)
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	SHOW(read(pair.client, &byte, 1));
	reset(pair.server);
	wait_events(pair.client, POLLERR);
	SHOW(close(pair.client));
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
	     pair.client);
	tell("findings", "0 write-after-peer-close");
}

/* --- calls that know no flag
 * ------------------------------------------------------ */

static ssize_t by_pwritev2(int fd)
{
	return pwritev2(fd, &part, 1, -1, 0);
}

static ssize_t by_sendfile(int fd)
{
	int file = memfd_create("file", 0);

	CHECK(write(file, "x", 1) == 1);
	return sendfile(fd, file, &(off_t){ 0 }, 1);
}

static ssize_t by_splice(int fd)
{
	int pipes[2];

	CHECK(pipe(pipes) == 0 && write(pipes[1], "x", 1) == 1);
	return splice(pipes[0], NULL, fd, NULL, 1, 0);
}

static ssize_t by_sendmmsg(int fd)
{
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &part,
						.msg_iovlen = 1 } };

	return sendmmsg(fd, &message, 1, 0);
}

/* The connection looks healthy: the kernel itself has raised the signal. */
static void calls_that_know_no_flag(void)
{
	ssize_t (*const calls[])(int) = { by_pwritev2, by_sendfile, by_splice,
					  by_sendmmsg };

	signal(SIGPIPE, count_signal);
	for (int i = 0; i < 4; i++) {
		struct pair pair = broken_pair();

		signals = 0;
		SHOW(calls[i](pair.client));
		SHOW(signals);
		tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
		     pair.client);
		SHOW(calls[i](pair.client));
		SHOW(signals);
	}
	tell("findings", "4 write-after-peer-close");
	tell("findings", "4 epipe-ignored");
}

/* --- nothing is written
 * ------------------------------------------------------------- */

static void parts_of_nothing(void)
{
	struct pair pair = broken_pair();

	signal(SIGPIPE, count_signal);
	SHOW(writev(pair.client, nothing, 2));
	SHOW(writev(pair.client, nothing, 0));
	SHOW(writev(pair.client, (void *)1, 1));
	SHOW(signals);
	SHOW(writev(pair.client, &part, 1));
	SHOW(signals);
	SHOW(writev(pair.client, nothing, 2));
	SHOW(signals);
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(death_of_a_socket_that_was_never_connected),
	S(death_by_a_connection_that_had_ended),
	S(death_after_the_own_shutdown),
	S(the_peer_goes_without_reading),
	S(the_peer_resets_what_it_had_half_closed),
	S(calls_that_know_no_flag),
	S(parts_of_nothing),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
