/*
 * Sockets that are left: by the program to itself, to other programs, by its
 * peers. The test sets TCPSHADOW_CLOSE_WAIT as told in the name of the list.
 */
#include <sys/prctl.h>
#include <time.h>

#include "pair.h"

/* The end was read, and another call comes before the close. */
static void call_in_close_wait(void)
{
	struct pair pair = make_pair();
	char byte;

	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(close(socket(AF_INET, SOCK_STREAM, 0)) == 0);
	CHECK(close(pair.client) == 0);
}

/* --- TCPSHADOW_CLOSE_WAIT=0 --------------------------------------------------
 */

static void client_is_told_at_its_next_call(void)
{
	call_in_close_wait();
	tell("expect", "the program has not for too long [close-wait-leak]");
}

static void connection_that_is_never_read(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.server) == 0);
	wait_state(pair.client, TCP_CLOSE_WAIT);
	tell("expect", "the program has not at its end [close-wait-leak]");
}

static void duplicate_that_is_forgotten(void)
{
	struct pair pair = make_pair();
	int copy = dup(pair.client);

	CHECK(copy >= 0 && close(pair.client) == 0);
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	CHECK(close(pair.listener) == 0);
	tell("expect", "a close ended nothing: fd %d is the same socket", copy);
	tell("expect", "[shared-close]");
}

static void duplicate_that_is_used(void)
{
	struct pair pair = make_pair();
	int copy = dup(pair.client);
	char byte;

	CHECK(copy >= 0 && close(pair.client) == 0);
	CHECK(write(copy, "x", 1) == 1 && read(pair.server, &byte, 1) == 1);
	tell("refuse", "[shared-close]");
}

/*
 * Executes sleep once the gate, if any, is shut, with that input, unless it is
 * -1. Does not outlive its parent.
 */
static pid_t start_sleep_on(int input, const int *gate)
{
	pid_t child = fork();
	char byte;

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (input >= 0)
		CHECK(dup2(input, STDIN_FILENO) == STDIN_FILENO);
	if (gate) {
		close(gate[1]);
		CHECK(read(gate[0], &byte, 1) == 0);
	}
	execlp("sleep", "sleep", "30", NULL);
	_exit(1);
}

static pid_t start_sleep(const int *gate)
{
	return start_sleep_on(-1, gate);
}

static void wait_for_sleep(pid_t child)
{
	char name[32];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", child);
	do {
		FILE *file = fopen(path, "r");

		CHECK(file && fgets(name, sizeof(name), file));
		fclose(file);
	} while (strcmp(name, "sleep\n") != 0);
}

static void only_the_client_crosses(const struct pair *pair)
{
	CHECK(fcntl(pair->server, F_SETFD, FD_CLOEXEC) == 0);
	CHECK(fcntl(pair->listener, F_SETFD, FD_CLOEXEC) == 0);
}

static void socket_that_a_child_keeps(void)
{
	struct pair pair = make_pair();
	pid_t child;

	only_the_client_crosses(&pair);
	child = start_sleep(NULL);
	wait_for_sleep(child);
	CHECK(close(pair.client) == 0);
	tell("expect", "this close ends nothing: another program still holds");
	tell("expect", "the program ends, and another one still holds a socket "
		       "that it had closed");
	tell("expect", "held by pid %d (sleep) fd %d", child, pair.client);
}

/* Closed before the child has become another program, and after. */
static void sockets_that_a_child_keeps_for_its_program(void)
{
	struct pair pairs[2] = { make_pair(), make_pair() };
	pid_t child;
	int gate[2];

	CHECK(pipe2(gate, O_CLOEXEC) == 0);
	for (int i = 0; i < 2; i++)
		only_the_client_crosses(&pairs[i]);
	child = start_sleep(gate);
	for (int i = 0; i < 2; i++) {
		if (i == 1) {
			CHECK(close(gate[1]) == 0);
			wait_for_sleep(child);
		}
		CHECK(close(pairs[i].client) == 0);
	}
	tell("expect", "held by pid %d (sleep) fd %d", child, pairs[1].client);
	tell("expect", "this close ends nothing: another program still holds");
	/* At the end both, which were made at one place. */
	tell("expect", "again: 1 more time at");
	tell("findings", "2 shared-close");
}

/* Closed once the child is another program, and before. */
static void sockets_that_are_the_input_of_a_program(void)
{
	struct pair pairs[2] = { make_pair(), make_pair() };
	pid_t child;
	int gate[2];

	CHECK(pipe2(gate, O_CLOEXEC) == 0);
	for (int i = 0; i < 2; i++) {
		only_the_client_crosses(&pairs[i]);
		CHECK(fcntl(pairs[i].client, F_SETFD, FD_CLOEXEC) == 0);
	}
	wait_for_sleep(start_sleep_on(pairs[0].client, NULL));
	CHECK(close(pairs[0].client) == 0);
	child = start_sleep_on(pairs[1].client, gate);
	CHECK(close(pairs[1].client) == 0);
	CHECK(close(gate[1]) == 0);
	wait_for_sleep(child);
	tell("findings", "0 shared-close");
}

/* All of them are closed at one place. */
static void sockets_that_only_a_fork_keeps_come_not_again(void)
{
	enum { COUNT = 20 };
	struct pair pairs[COUNT];
	int gate[2];
	pid_t fork_only;

	CHECK(pipe2(gate, O_CLOEXEC) == 0);
	for (int i = 0; i < COUNT; i++) {
		pairs[i] = make_pair();
		only_the_client_crosses(&pairs[i]);
		if (i > 0)
			CHECK(fcntl(pairs[i].client, F_SETFD, FD_CLOEXEC) == 0);
	}
	wait_for_sleep(start_sleep(NULL));
	fork_only = fork();
	if (fork_only == 0) {
		char byte;

		close(gate[1]);
		_exit(read(gate[0], &byte, 1) != 0);
	}
	for (int i = 0; i < COUNT; i++)
		CHECK(close(pairs[i].client) == 0);
	CHECK(close(gate[1]) == 0);
	CHECK(waitpid(fork_only, NULL, 0) == fork_only);
	for (int i = 0; i < COUNT; i++)
		CHECK(close(pairs[i].server) == 0);
	tell("expect", "held by pid %d (leaks) fd %d", fork_only,
	     pairs[0].client);
	tell("findings", "2 shared-close");
	tell("refuse", "again: ");
}

/* Nobody accepts, so accept() cannot tell. */
static void queue_that_is_full_at_the_end(void)
{
	overfill_a_queue();
	tell("expect", "the accept queue is full: 2 connections wait with a "
		       "backlog of 1");
}

/* --- TCPSHADOW_CLOSE_WAIT=1 --------------------------------------------------
 */

/* So long the machine may not stand still: what it did not do is left alone. */
enum { STALLED = 500 };

static int milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)(now.tv_sec % 100000) * 1000 + (int)(now.tv_nsec / 1000000);
}

/* The client has said all, and waits for a long answer. */
static void answer_after_a_half_close(void)
{
	struct pair pair = make_pair();
	int begin = milliseconds();
	int last = begin;
	int longest = 0;
	char byte;

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(read(pair.server, &byte, 1) == 0);
	while (last - begin < 1300) {
		int now;

		CHECK(write(pair.server, "x", 1) == 1);
		CHECK(read(pair.client, &byte, 1) == 1);
		CHECK(close(socket(AF_INET, SOCK_STREAM, 0)) == 0);
		now = milliseconds();
		longest = now - last > longest ? now - last : longest;
		last = now;
	}
	CHECK(close(pair.server) == 0);
	if (longest < STALLED)
		tell("refuse", "[close-wait-leak]");
}

/*
 * Nothing is ever called on it again, and much on others, for 2.4 s at least:
 * whenever the machine stands still, there are calls after that.
 */
static void connection_that_is_left_alone(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.server) == 0);
	for (int i = 0; i < 120; i++) {
		poll(NULL, 0, 20);
		CHECK(close(socket(AF_INET, SOCK_STREAM, 0)) == 0);
	}
	tell("expect", "fd %d ", pair.client);
	tell("expect", "ESTABLISHED -> CLOSE_WAIT: the peer has closed "
		       "(kernel, seen at ");
	tell("expect", "the program has not for too long [close-wait-leak]");
}

/* The kernel knows for how long. */
static void connection_that_is_left_alone_to_the_end(void)
{
	struct pair pair = make_pair();
	struct pair other = make_pair();
	int begin;

	CHECK(close(pair.server) == 0);
	wait_state(pair.client, TCP_CLOSE_WAIT);
	poll(NULL, 0, 1200);
	begin = milliseconds();
	CHECK(close(other.server) == 0);
	wait_state(other.client, TCP_CLOSE_WAIT);
	tell("expect", "the program has not at its end [close-wait-leak]");
	tell("least", "1200 in CLOSE_WAIT for ");
	if (milliseconds() - begin < STALLED)
		tell("findings", "1 close-wait-leak");
}

/* --- TCPSHADOW_CLOSE_WAIT=536870912 ------------------------------------------
 */

/* In milliseconds that is 125 << 32. */
static void connection_that_may_stay_for_years(void)
{
	call_in_close_wait();
	tell("refuse", "[close-wait-leak]");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario at_once[] = {
	S(client_is_told_at_its_next_call),
	S(connection_that_is_never_read),
	S(duplicate_that_is_forgotten),
	S(duplicate_that_is_used),
	S(sockets_that_a_child_keeps_for_its_program),
	S(socket_that_a_child_keeps),
	S(sockets_that_are_the_input_of_a_program),
	S(sockets_that_only_a_fork_keeps_come_not_again),
	S(queue_that_is_full_at_the_end),
};

static const struct scenario later[] = {
	S(answer_after_a_half_close),
	S(connection_that_is_left_alone),
	S(connection_that_is_left_alone_to_the_end),
	S(connection_that_may_stay_for_years),
};

int main(int argc, char **argv)
{
	size_t slow = SCENARIO_COUNT(later);

	for (size_t i = 0; argc == 2 && i < slow; i++) {
		if (strcmp(argv[1], later[i].name) == 0)
			return run_scenario(later, slow, argc, argv);
	}
	return run_scenario(at_once, SCENARIO_COUNT(at_once), argc, argv);
}
