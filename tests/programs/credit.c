/* build: -pthread -Wno-stringop-overflow -Wno-stringop-overread */
/*
 * Writes in quick succession on an open connection are made without a look at
 * it. Those that fail then come to what they come to without the library. (The
 * test makes "quick" long enough for any machine.)
 */
#include <limits.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "catch_pipe.h"
#include "torture.h"

static char text[] = "abcdef";
static char large[1 << 20];
static struct iovec part = { text, 3 };
static struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

struct writer {
	const char *name;
	ssize_t (*write)(int fd, int flags);
};

/* The flags are for those that know any. */
static ssize_t by_write(int fd, int flags)
{
	(void)flags;
	return write(fd, part.iov_base, part.iov_len);
}

static ssize_t by_send(int fd, int flags)
{
	return send(fd, part.iov_base, part.iov_len, flags);
}

static ssize_t by_sendto(int fd, int flags)
{
	return sendto(fd, part.iov_base, part.iov_len, flags, NULL, 0);
}

static ssize_t by_sendmsg(int fd, int flags)
{
	return sendmsg(fd, &message, flags);
}

static ssize_t by_writev(int fd, int flags)
{
	(void)flags;
	return writev(fd, &part, 1);
}

static const struct writer writers[] = {
	{ "write", by_write },   { "send", by_send },
	{ "sendto", by_sendto }, { "sendmsg", by_sendmsg },
	{ "writev", by_writev },
};

#define EACH_WRITER(writer)                         \
	for (const struct writer *writer = writers; \
	     writer < writers + SCENARIO_COUNT(writers); writer++)

/* What a writer has come to, and the signal with it. */
static void show(const struct writer *writer, int fd, int flags)
{
	ssize_t result;

	caught = 0;
	errno_inside = 0;
	memset(&info, 0, sizeof(info));
	errno = 77;
	result = writer->write(fd, flags);
	printf("%s = %zd %d, signals %d, code %d, own %d, errno inside %d\n",
	       writer->name, result, errno, caught, info.si_code,
	       info.si_pid == getpid(), errno_inside);
}

/* 64 quick writes, then 31 without a look: it is at the sixth of those. */
static struct pair on_credit(void)
{
	struct pair pair = make_pair();
	char byte;

	for (int i = 0; i < 70; i++) {
		CHECK(write(pair.client, "x", 1) == 1);
		CHECK(read(pair.server, &byte, 1) == 1);
	}
	return pair;
}

/* The next write to it is EPIPE. */
static struct pair broken_on_credit(void)
{
	struct pair pair = on_credit();

	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLRDHUP);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, POLLERR);
	return pair;
}

static struct pair reset_on_credit(void)
{
	struct pair pair = on_credit();

	reset(pair.server);
	wait_events(pair.client, POLLERR);
	return pair;
}

/* --- a connection that is gone ---------------------------------------------- */

static void broken_with_a_handler(void)
{
	catch_pipe(0);
	EACH_WRITER(writer)
	{
		struct pair pair = broken_on_credit();

		show(writer, pair.client, 0);
		show(writer, pair.client, 0);
		tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
		     pair.client);
		tell("expect", "CLOSE_WAIT -> CLOSED: %s() = -1 EPIPE",
		     writer->name);
	}
	tell("expect", "it was one of the writes shortly before this one");
	tell("findings", "5 write-after-peer-close");
	tell("findings", "5 epipe-ignored");
	tell("findings", "0 sigpipe-death");
}

static void broken_without_a_signal(void)
{
	catch_pipe(0);
	EACH_WRITER(writer)
	{
		struct pair pair;

		if (writer->write == by_write || writer->write == by_writev)
			continue;
		pair = broken_on_credit();
		show(writer, pair.client, MSG_NOSIGNAL);
		show(writer, pair.client, MSG_NOSIGNAL);
	}
	tell("findings", "3 write-after-peer-close");
	tell("findings", "3 epipe-ignored");
}

static void broken_with_the_signal_ignored(void)
{
	signal(SIGPIPE, SIG_IGN);
	EACH_WRITER(writer)
	show(writer, broken_on_credit().client, 0);
	tell("findings", "5 write-after-peer-close");
	tell("findings", "0 sigpipe-death");
}

static void broken_with_the_signal_blocked(void)
{
	struct timespec now = { .tv_sec = 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	EACH_WRITER(writer)
	{
		show(writer, broken_on_credit().client, 0);
		SHOW(sigtimedwait(&set, NULL, &now));
		SHOW(sigtimedwait(&set, NULL, &now));
	}
	tell("findings", "0 sigpipe-death");
}

static void broken_by_default(void)
{
	EACH_WRITER(writer)
	{
		pid_t child = fork();
		int status;

		if (child == 0) {
			show(writer, broken_on_credit().client, 0);
			_exit(9);
		}
		CHECK(waitpid(child, &status, 0) == child);
		printf("%s: status %d\n", writer->name, status);
		tell("expect", "this %s() raises SIGPIPE", writer->name);
	}
	tell("findings", "5 sigpipe-death");
	tell("findings", "5 write-after-peer-close");
}

static void reset_by_the_peer(void)
{
	catch_pipe(0);
	EACH_WRITER(writer)
	{
		struct pair pair = reset_on_credit();

		show(writer, pair.client, 0);
		tell("expect", "ESTABLISHED -> CLOSED: %s() = -1 ECONNRESET",
		     writer->name);
		show(writer, pair.client, 0);
		tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED",
		     pair.client);
	}
	tell("findings", "0 write-after-peer-close");
	tell("findings", "5 epipe-ignored");
}

/* --- writes that fail, and mean nothing
 * --------------------------------------- */

static void no_room_for_more(void)
{
	struct pair pair;

	catch_pipe(0);
	EACH_WRITER(writer)
	{
		pair = on_credit();
		CHECK(fcntl(pair.client, F_SETFL, O_NONBLOCK) == 0);
		part = (struct iovec){ large, sizeof(large) };
		while (write(pair.client, large, sizeof(large)) > 0)
			;
		part = (struct iovec){ text, 3 };
		for (int i = 0; i < 3; i++)
			show(writer, pair.client, 0);
		CHECK(close(pair.client) == 0 && close(pair.server) == 0);
	}
	tell("refuse", "-> CLOSE_WAIT");
}

static void bytes_that_cannot_be_read(void)
{
	struct pair pair = on_credit();

	catch_pipe(0);
	part.iov_base = (void *)1;
	EACH_WRITER(writer)
	show(writer, pair.client, 0);
	part.iov_base = text;
	EACH_WRITER(writer)
	show(writer, pair.client, 0);
	SHOW(writev(pair.client, (void *)1, 1));
	SHOW(sendmsg(pair.client, (void *)1, 0));
	SHOW(send(pair.client, "x", 1, 0x40000000));
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
}

static void too_many_parts(void)
{
	static struct iovec many[IOV_MAX + 1];
	struct pair pair = on_credit();

	for (int i = 0; i <= IOV_MAX; i++)
		many[i] = part;
	SHOW(writev(pair.client, many, IOV_MAX + 1));
	SHOW(writev(pair.client, many, -1));
	SHOW(writev(pair.client, many, INT_MIN));
	SHOW(writev(pair.client, many, 0));
	SHOW(writev(pair.client, many, IOV_MAX));
}

/* --- nothing is written
 * --------------------------------------------------------- */

static void parts_of_nothing(void)
{
	static const struct iovec nothing[2];
	struct pair pairs[] = { on_credit(), broken_on_credit() };

	catch_pipe(0);
	for (int i = 0; i < 2; i++) {
		SHOW(writev(pairs[i].client, nothing, 0));
		SHOW(writev(pairs[i].client, nothing, 1));
		SHOW(writev(pairs[i].client, nothing, 2));
		SHOW(caught);
		show(&writers[4], pairs[i].client, 0);
		SHOW(writev(pairs[i].client, nothing, 2));
	}
}

/* An error that is no end: the peer has not answered for too long. */
static void parts_of_nothing_and_a_timeout(void)
{
	static const struct iovec nothing[2];
	unsigned int patience = 50;
	struct pair pair = on_credit();

	catch_pipe(0);
	CHECK(setsockopt(pair.client, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience,
			 sizeof(patience)) == 0);
	deafen(pair.server, 0, 0);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, POLLERR);
	SHOW(writev(pair.client, nothing, 2));
	SHOW(writev(pair.client, nothing, 2));
	SHOW(caught);
}

/* --- the number is something else by now
 * ------------------------------------------ */

static void show_file(int file)
{
	char data[64];
	ssize_t size = pread(file, data, sizeof(data), 0);

	printf("  file: %.*s\n", (int)size, data);
}

static void the_number_of_a_file(void)
{
	EACH_WRITER(writer)
	{
		struct pair pair = on_credit();
		int file = memfd_create("file", 0);

		CHECK(raw_dup2(file, pair.client) == pair.client);
		show(writer, pair.client, 0);
		show(writer, pair.client, 0);
		show_file(file);
	}
	tell("expect", "closed or replaced by a call that is not wrapped");
}

static void the_number_of_nothing(void)
{
	EACH_WRITER(writer)
	{
		struct pair pair = on_credit();

		CHECK(raw_close(pair.client) == 0);
		show(writer, pair.client, 0);
		show(writer, pair.client, 0);
	}
	tell("expect", "closed or replaced by a call that is not wrapped");
}

static void the_number_of_a_pipe_that_nobody_reads(void)
{
	catch_pipe(0);
	EACH_WRITER(writer)
	{
		struct pair pair = on_credit();
		int pipes[2];

		CHECK(pipe(pipes) == 0 && close(pipes[0]) == 0);
		CHECK(raw_dup2(pipes[1], pair.client) == pair.client);
		show(writer, pair.client, 0);
		CHECK(close(pipes[1]) == 0);
	}
	tell("refuse", "[sigpipe-death]");
}

/* Without a call that the library sees, until nothing moves any more. */
static void fill_up(const struct pair *pair)
{
	int queued = -1;
	int before;

	CHECK(raw_syscall(SYS_fcntl, pair->client, F_SETFL, O_NONBLOCK) == 0);
	do {
		before = queued;
		while (raw_syscall(SYS_write, pair->client, (long)large,
				   sizeof(large)) > 0)
			;
		/* The last segment may have room for a few bytes more. */
		while (raw_syscall(SYS_write, pair->client, (long)large, 1) > 0)
			;
		poll(NULL, 0, 10);
		CHECK(ioctl(pair->client, SIOCOUTQ, &queued) == 0);
	} while (queued != before);
	CHECK(raw_syscall(SYS_fcntl, pair->client, F_SETFL, 0) == 0);
}

struct waiting {
	const struct writer *writer;
	int fd;
	_Atomic pid_t thread;
};

static void *write_and_wait(void *argument)
{
	struct waiting *waiting = argument;

	atomic_store(&waiting->thread, gettid());
	show(waiting->writer, waiting->fd, 0);
	return NULL;
}

/* The write that waits keeps the socket, and comes to EPIPE. */
static void the_number_closed_while_a_write_waits(void)
{
	catch_pipe(0);
	EACH_WRITER(writer)
	{
		struct pair pair = on_credit();
		struct waiting waiting = { writer, pair.client, 0 };
		pthread_t thread;

		CHECK(shutdown(pair.server, SHUT_WR) == 0);
		wait_state(pair.client, TCP_CLOSE_WAIT);
		fill_up(&pair);
		CHECK(pthread_create(&thread, NULL, write_and_wait, &waiting) ==
		      0);
		wait_until_it_sleeps(&waiting.thread);
		CHECK(close(pair.client) == 0);
		CHECK(close(pair.server) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(broken_with_a_handler),
	S(broken_without_a_signal),
	S(broken_with_the_signal_ignored),
	S(broken_with_the_signal_blocked),
	S(broken_by_default),
	S(reset_by_the_peer),
	S(no_room_for_more),
	S(bytes_that_cannot_be_read),
	S(too_many_parts),
	S(parts_of_nothing),
	S(parts_of_nothing_and_a_timeout),
	S(the_number_of_a_file),
	S(the_number_of_nothing),
	S(the_number_of_a_pipe_that_nobody_reads),
	S(the_number_closed_while_a_write_waits),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
