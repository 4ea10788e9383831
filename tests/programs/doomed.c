/*
 * Writes that fail or kill, and what is said of the reason. Those that kill
 * tell before what the log must say. Scenarios that need a privilege end well
 * without it.
 */
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>

#include "isolated.h"
#include "sandbox.h"

static void disconnect(int fd)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	CHECK(connect(fd, &nobody, sizeof(nobody)) == 0);
}

/* Does not come back. */
static void die_writing(int fd)
{
	tell("expect", "[sigpipe-death]");
	tell("expect", "this write() raises SIGPIPE, which kills the process");
	CHECK(write(fd, "x", 1) == -1);
	CHECK(!"alive");
}

/* ---- death ---------------------------------------------------------------- */

static void death_on_a_socket_that_was_not_connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	tell("expect", "    the socket was not connected\n");
	tell("refuse", "the peer");
	die_writing(fd);
}

static void death_on_a_connection_that_was_not_made(void)
{
	int listener = listener_on(0);
	int port = port_of(listener);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(close(listener) == 0);
	CHECK(connect_to(fd, port) == -1 && errno == ECONNREFUSED);
	tell("expect", "    there was no connection when this write came: it "
		       "had ended, or was never made\n");
	tell("refuse", "the peer's close was seen");
	die_writing(fd);
}

static void death_on_a_connection_that_had_been_reset(void)
{
	struct pair pair = make_pair();
	char byte;

	reset(pair.server);
	CHECK(read(pair.client, &byte, 1) == -1 && errno == ECONNRESET);
	tell("expect", "    there was no connection when this write came: it "
		       "had ended, or was never made\n");
	tell("refuse", "the peer's close was seen");
	die_writing(pair.client);
}

static int milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)(now.tv_sec % 100000) * 1000 + (int)(now.tv_nsec / 1000000);
}

/* A server that streams: none of its writes comes after a silence. */
static void death_after_writes_in_quick_succession(void)
{
	struct pair pair;
	int begin;

	do {
		pair = make_pair();
		begin = milliseconds();
		CHECK(write(pair.server, "x", 1) == 1);
		/* Read, so that the close is no reset. */
		CHECK(read(pair.client, (char[1]){ 0 }, 1) == 1);
		CHECK(close(pair.client) == 0);
		CHECK(write(pair.server, "y", 1) == 1);
	} while (milliseconds() - begin > 80);
	wait_events(pair.server, POLLERR);
	tell("expect", "    the peer had closed, and answered an earlier write "
		       "with a reset: one of those shortly before this one\n");
	tell("expect", "it was one of the writes shortly before this one");
	tell("refuse", "there was no connection when this write came");
	tell("refuse", "the peer's close was seen");
	die_writing(pair.server);
}

/* What went wrong before the disconnect is not why this write fails. */
static void death_after_a_disconnect(void)
{
	struct pair pair = make_pair();
	char byte;

	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, POLLERR);
	disconnect(pair.client);
	tell("expect", "    the socket was not connected\n");
	tell("refuse", "the peer's close was seen");
	tell("refuse", "the earlier write() went to a peer that had closed");
	die_writing(pair.client);
}

static void death_that_is_suppressed(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(write(fd, "x", 1) == -1);
	CHECK(!"alive");
}

/* ---- errors --------------------------------------------------------------- */

static void second_write_on_a_socket_that_was_not_connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++)
		CHECK(write(fd, "x", 1) == -1 && errno == EPIPE);
	tell("expect", "warning: the socket is not connected, an earlier write "
		       "said so");
	tell("expect", "[epipe-ignored]");
	tell("refuse", "the connection is gone");
	tell("refuse", "[sigpipe-death]");
}

static void second_write_after_a_reset(void)
{
	struct pair pair = make_pair();
	char byte;

	signal(SIGPIPE, SIG_IGN);
	reset(pair.server);
	wait_events(pair.client, POLLERR);
	CHECK(write(pair.client, "x", 1) == -1 && errno == ECONNRESET);
	CHECK(write(pair.client, "x", 1) == -1 && errno == EPIPE);
	CHECK(read(pair.client, &byte, 1) == 0);
	tell("expect", "the connection is gone, an earlier write said so");
	tell("refuse", "[write-after-peer-close]");
}

/* A disconnect begins anew: the write after it is the first. */
static void first_write_after_a_disconnect(void)
{
	struct pair pair = make_pair();

	signal(SIGPIPE, SIG_IGN);
	reset(pair.server);
	wait_events(pair.client, POLLERR);
	CHECK(write(pair.client, "x", 1) == -1 && errno == ECONNRESET);
	disconnect(pair.client);
	CHECK(write(pair.client, "x", 1) == -1 && errno == EPIPE);
	tell("refuse", "[epipe-ignored]");
}

/* ---- who had closed ------------------------------------------------------- */

/*
 * Where the peer's socket cannot be looked up the warning comes with the
 * answer, and names the write that earned it.
 */
static void doomed_write_is_named_when_its_answer_comes(void)
{
	struct pair pair;
	char byte;
	int port;

	signal(SIGPIPE, SIG_IGN);
	isolate();
	set_ipv4("tcp_fin_timeout", "1");
	pair = make_pair();
	port = port_of(pair.server);
	CHECK(close(pair.listener) == 0);
	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	wait_table_state(port, 0);
	CHECK(send(pair.client, "x", 1, 0) == 1);
	wait_events(pair.client, POLLERR);
	tell("refuse", "this write goes to a peer that has closed");
	tell("expect", "this connection was written to after the peer had "
		       "closed it, and the peer answered with a reset");
	tell("expect",
	     "    the first send() after the peer's close:\n      #0");
	CHECK(send(pair.client, "x", 1, 0) == -1 && errno == EPIPE);
}

/* The peer broke off what it had half closed; nobody had written. */
static void reset_of_a_half_closed_connection_is_nobodys_write(void)
{
	struct pair pair = make_pair();
	char byte;

	signal(SIGPIPE, SIG_IGN);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	reset(pair.server);
	wait_events(pair.client, POLLERR);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(kernel_state(pair.client) == TCP_CLOSE);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
	     pair.client);
	tell("refuse", "[write-after-peer-close]");
}

/* ---- calls without MSG_NOSIGNAL ------------------------------------------- */

static void block_sigpipe(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static int pending_sigpipes(void)
{
	struct timespec now = { .tv_sec = 0 };
	siginfo_t info;
	sigset_t set;
	int count = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	while (sigtimedwait(&set, &info, &now) == SIGPIPE)
		count++;
	return count;
}

/* One that waits already stays the only one, and the program's own. */
static void signal_that_waits_already_stays(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int file = open("/proc/self/exe", O_RDONLY);

	block_sigpipe();
	CHECK(sendfile(fd, file, NULL, 10) == -1 && errno == EPIPE);
	CHECK(pending_sigpipes() == 1);
	CHECK(raise(SIGPIPE) == 0);
	CHECK(sendfile(fd, file, NULL, 10) == -1 && errno == EPIPE);
	CHECK(pending_sigpipes() == 1);
	/* The process's own is another than the thread's. */
	CHECK(kill(getpid(), SIGPIPE) == 0);
	CHECK(sendfile(fd, file, NULL, 10) == -1 && errno == EPIPE);
	CHECK(pending_sigpipes() == 2);
	tell("expect", "[epipe-ignored]");
	tell("refuse", "[sigpipe-death]");
}

static void sendfile_in_a_sandbox(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int file = open("/proc/self/exe", O_RDONLY);

	signal(SIGPIPE, SIG_IGN);
	SANDBOX(SYS_write, SYS_sendfile);
	CHECK(sendfile(fd, file, NULL, 10) == -1 && errno == EPIPE);
	CHECK(write(fd, "x", 1) == -1 && errno == EPIPE);
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(death_on_a_socket_that_was_not_connected),
	S(death_on_a_connection_that_was_not_made),
	S(death_on_a_connection_that_had_been_reset),
	S(death_after_writes_in_quick_succession),
	S(death_after_a_disconnect),
	S(death_that_is_suppressed),
	S(second_write_on_a_socket_that_was_not_connected),
	S(second_write_after_a_reset),
	S(first_write_after_a_disconnect),
	S(doomed_write_is_named_when_its_answer_comes),
	S(reset_of_a_half_closed_connection_is_nobodys_write),
	S(signal_that_waits_already_stays),
	S(sendfile_in_a_sandbox),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
