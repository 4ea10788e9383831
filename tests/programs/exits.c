/*
 * Ends of descriptors that are none, or not for all who have them, and the end
 * of a process with very many. What the log must show is told here.
 */
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "pair.h"

/* Executed by itself. */
static bool anew;

enum { LOOKED_AT = 4096 };

static void make_sockets(int count)
{
	need_descriptors(LOOKED_AT + 100);
	for (int i = 0; i < count; i++)
		CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

static void expect_not_looked_at(int count)
{
	tell("expect",
	     "note: %d sockets that were open at the end were not looked at "
	     "[blind-spot]",
	     count);
}

/* The end of a process must not take long: what is left out is counted. */
static void sockets_beyond_those_looked_at_are_counted(void)
{
	enum { MORE = 10 };

	make_sockets(LOOKED_AT + MORE);
	expect_not_looked_at(MORE);
}

static void data_beyond_those_looked_at_is_not_asked_for(void)
{
	struct pair first = make_pair();
	struct pair last;

	make_sockets(LOOKED_AT - 3);
	last = make_pair();
	CHECK(write(first.server, "unread", 6) == 6);
	CHECK(write(last.server, "unread", 6) == 6);
	wait_events(first.client, POLLIN);
	wait_events(last.client, POLLIN);
	expect_not_looked_at(3);
	tell("findings", "1 reset-on-close");
	tell("refuse", "again: ");
}

static void refuse_close_range(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]),
				      .filter = code };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void forget_a_duplicate(void)
{
	struct pair pair = make_pair();

	CHECK(dup(pair.client) >= 0 && close(pair.client) == 0);
}

static void other_questions_beyond_those_looked_at_are_not_asked(void)
{
	overfill_a_queue();
	forget_a_duplicate();
	make_sockets(LOOKED_AT - 6);
	overfill_a_queue();
	forget_a_duplicate();
	expect_not_looked_at(6);
	tell("findings", "1 accept-overflow");
	tell("findings", "1 shared-close");
	tell("refuse", "again: ");
}

/*
 * As containers of old do it: the filter is there when the program starts, so
 * that the library is not silent.
 */
static void start_again_without_close_range(const char *part)
{
	refuse_close_range();
	execl("/proc/self/exe", "exits", part, "anew", (char *)NULL);
	CHECK(!"execl");
}

/* Whatever was taken out of the books comes back. */
static void close_range_that_fails_closes_nothing(void)
{
	struct pair pair;
	char byte;

	if (!anew)
		start_again_without_close_range(
			"close_range_that_fails_closes_nothing");
	pair = make_pair();
	CHECK(close_range(3, 60, 0) == -1 && errno == EPERM);
	CHECK(write(pair.client, "x", 1) == 1);
	CHECK(read(pair.server, &byte, 1) == 1);
	CHECK(close(pair.client) == 0);
	CHECK(read(pair.server, &byte, 1) == 0);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT", pair.server);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
	tell("refuse", "close_range()");
	tell("refuse", "[double-close]");
	tell("refuse", "[use-after-close]");
	tell("refuse", "not wrapped");
}

/* Of what follows the log tells nothing, and a run all (followed_test.c). */
static void close_range_that_a_sandbox_refuses_closes_nothing(void)
{
	struct pair pair = make_pair();
	int copy = dup(pair.client);
	char byte;

	CHECK(copy >= 0);
	refuse_close_range();
	CHECK(close_range(3, 60, 0) == -1 && errno == EPERM);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(read(pair.server, &byte, 1) == 0);
	CHECK(close(pair.server) == 0);
	CHECK(read(copy, &byte, 1) == 0);
	CHECK(close(copy) == 0 && close(pair.client) == 0);
	CHECK(close(pair.listener) == 0);
}

/*
 * Its parent has the sockets too. Of one without a connection, and of one in
 * TIME_WAIT, nothing is left to be held.
 */
static void child_closes_what_has_ended(void)
{
	struct pair pair = make_pair();
	int fresh = socket(AF_INET, SOCK_STREAM, 0);
	int status;
	pid_t child;
	char byte;

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(read(pair.server, &byte, 1) == 0);
	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	child = fork();
	if (child == 0) {
		CHECK(close(fresh) == 0);
		CHECK(close(pair.client) == 0);
		CHECK(close(900) == -1);
		CHECK(close(fresh) == -1);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(listen(fresh, 1) == 0);
	tell("path", "%d CLOSED>LISTEN", fresh);
	tell("path",
	     "%d CLOSED>SYN_SENT>ESTABLISHED>FIN_WAIT_1>FIN_WAIT_2>TIME_WAIT",
	     pair.client);
	tell("refuse", "[shared-close]");
	tell("expect", "close() of fd %d, a socket that was closed before",
	     fresh);
}

/* Its descriptors are not those of the table. */
static void child_on_borrowed_memory_makes_a_socket(void)
{
	int next = dup(0);
	int status;
	pid_t child;

	CHECK(close(next) == 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	child = vfork();
#pragma GCC diagnostic pop
	if (child == 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		_exit(fd != next || listen(fd, 1) < 0 || close(fd) < 0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(close(next) == -1);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == next);
	tell("silent", "in borrowed memory nothing is written down");
}

/* It reads from another socket than its parent's of that number. */
static void child_on_borrowed_memory_uses_a_number_anew(void)
{
	struct pair pair = make_pair();
	int status;
	pid_t child;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	child = vfork();
#pragma GCC diagnostic pop
	if (child == 0) {
		char byte;

		_exit(close(pair.client) < 0 ||
		      socket(AF_INET, SOCK_STREAM, 0) != pair.client ||
		      read(pair.client, &byte, 1) != -1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(close(pair.client) == 0);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
	tell("refuse", "not wrapped");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(sockets_beyond_those_looked_at_are_counted),
	S(data_beyond_those_looked_at_is_not_asked_for),
	S(other_questions_beyond_those_looked_at_are_not_asked),
	S(close_range_that_fails_closes_nothing),
	S(close_range_that_a_sandbox_refuses_closes_nothing),
	S(child_closes_what_has_ended),
	S(child_on_borrowed_memory_makes_a_socket),
	S(child_on_borrowed_memory_uses_a_number_anew),
};

int main(int argc, char **argv)
{
	anew = argc == 3;
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
