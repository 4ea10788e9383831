/* build: -pthread */
/*
 * What a program may ask of the library (include/tcpshadow.h), held against the
 * kernel's own word. Each scenario runs with the library and without: there
 * every call gives nothing, and the rest is the same.
 */
#include "pair.h"
#include "sandbox.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <tcpshadow.h>

#include "model/state.h"

static bool shadowed;

/* What the calls said before any constructor had run. */
static struct early {
	int active;
	int named;
	int mark;
	int findings;
	const char *expected;
} early = { .active = -1 };

static void ask_early(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	early = (struct early){ .active = tcpshadow_active(),
				.named = tcpshadow_name(fd, "early"),
				.mark = tcpshadow_mark("early"),
				.findings = tcpshadow_findings(0, NULL),
				.expected = tcpshadow_expected(fd) };
	close(fd);
}

/* The executable's own, which the loader runs before those of libraries. */
__attribute__((section(".preinit_array"),
	       used)) static void (*const before)(void) = ask_early;

/* With the library the text, without it none. */
static bool is_state(const char *said, const char *state)
{
	return strcmp(said, shadowed ? state : "") == 0;
}

#define EXPECTS(fd, state) CHECK(is_state(tcpshadow_expected(fd), state))
#define KERNEL_HAS(fd, state) CHECK(is_state(tcpshadow_kernel(fd), state))

/* Both, and TCP_INFO. */
#define IS_IN(fd, state)                                  \
	do {                                              \
		wait_state(fd, (int)state_value(#state)); \
		EXPECTS(fd, #state);                      \
		KERNEL_HAS(fd, #state);                   \
	} while (0)

static unsigned int state_value(const char *name)
{
#define STATE(state, value, kernel_name, ss_name, meaning) \
	if (strcmp(name, #state) == 0)                     \
		return value;
#include "model/states.def"
#undef STATE
	return 0;
}

static void active_with_the_library_only(void)
{
	CHECK(tcpshadow_active() == shadowed);
	CHECK(tcpshadow_findings(tcpshadow_mark(NULL), NULL) == 0);
	tell("silent", "there is no socket");
}

static void inactive_before_the_constructor(void)
{
	CHECK(early.active == 0);
	CHECK(early.named == 0);
	CHECK(early.mark == 0);
	CHECK(early.findings == 0);
	CHECK(early.expected[0] == '\0');
	tell("silent", "there is no socket");
}

/* ---- states --------------------------------------------------------------- */

static void states_are_the_kernels(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct pair pair = make_pair();

	IS_IN(fd, CLOSED);
	IS_IN(pair.listener, LISTEN);
	IS_IN(pair.client, ESTABLISHED);
	IS_IN(pair.server, ESTABLISHED);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	wait_state(pair.client, TCP_FIN_WAIT2);
	KERNEL_HAS(pair.client, "FIN_WAIT_2");
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	wait_state(pair.server, TCP_CLOSE);
	KERNEL_HAS(pair.server, "CLOSED");
}

/* The kernel is there with the FIN, the program with the read. */
static void close_wait_is_expected_from_the_read_on(void)
{
	struct pair pair = make_pair();
	char byte;

	CHECK(close(pair.client) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	KERNEL_HAS(pair.server, "CLOSE_WAIT");
	EXPECTS(pair.server, "ESTABLISHED");
	CHECK(read(pair.server, &byte, 1) == 0);
	IS_IN(pair.server, CLOSE_WAIT);
	tell("expect", "ESTABLISHED -> CLOSE_WAIT: read() = 0");
}

/* TCP_INFO calls it CLOSE. */
static void time_wait_of_an_open_descriptor(void)
{
	struct pair pair = make_pair();
	char byte;

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(read(pair.server, &byte, 1) == 0);
	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	wait_state(pair.client, TCP_CLOSE);
	KERNEL_HAS(pair.client, "TIME_WAIT");
	EXPECTS(pair.client, "TIME_WAIT");
}

static void numbers_that_are_no_tcp_socket(void)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int closed = socket(AF_INET, SOCK_STREAM, 0);
	int numbers[] = { -1, 0, 1 << 20, INT32_MAX, udp, closed };

	CHECK(close(closed) == 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		CHECK(*tcpshadow_expected(numbers[i]) == '\0');
		CHECK(*tcpshadow_kernel(numbers[i]) == '\0');
		CHECK(tcpshadow_name(numbers[i], "nobody") == 0);
	}
	tell("silent", "none of them is TCP");
}

static long raw(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

/* Closed and used again without libc: no wrapper has seen it. */
static void number_that_leads_elsewhere_by_now(void)
{
	struct pair pair = make_pair();
	int on = 1;

	CHECK(raw(SYS_close, pair.client, 0, 0) == 0);
	CHECK(raw(SYS_socket, AF_INET, SOCK_STREAM, 0) == pair.client);
	CHECK(raw(SYS_listen, pair.client, on, 0) == 0);
	KERNEL_HAS(pair.client, "LISTEN");
	EXPECTS(pair.client, "LISTEN");
}

static void errno_is_left_alone(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.client) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	errno = 1234;
	tcpshadow_active();
	tcpshadow_expected(pair.server);
	tcpshadow_kernel(pair.server);
	tcpshadow_kernel(pair.client);
	tcpshadow_name(pair.server, "server");
	tcpshadow_name(-1, "nobody");
	tcpshadow_findings(tcpshadow_mark("here"), "no such rule");
	CHECK(errno == 1234);
	errno = 0;
}

/* ---- names ---------------------------------------------------------------- */

static void name_is_in_every_line_of_the_socket(void)
{
	int listener = listener_on(0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int server;

	CHECK(tcpshadow_name(client, "control") == shadowed);
	CHECK(connect_to(client, port_of(listener)) == 0);
	server = accept(listener, NULL, NULL);
	CHECK(tcpshadow_name(server, "served") == shadowed);
	CHECK(write(client, "unread", 6) == 6);
	wait_events(server, POLLIN);
	CHECK(close(server) == 0);
	tell("expect", "fd %d \"control\" 127.0.0.1:", client);
	tell("expect", "    fd %d \"served\" 127.0.0.1:", server);
	tell("refuse", "fd %d 127.0.0.1:%d ->", client, port_of(client));
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED", client);
}

static void name_is_the_sockets_not_the_numbers(void)
{
	struct pair pair = make_pair();
	int copy = dup(pair.client);
	int next;

	CHECK(tcpshadow_name(pair.client, "first") == shadowed);
	CHECK(close(pair.client) == 0);
	CHECK(shutdown(copy, SHUT_WR) == 0);
	next = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(next == pair.client);
	CHECK(connect_to(next, port_of(pair.listener)) == 0);
	tell("expect", "fd %d \"first\" 127.0.0.1:", copy);
	tell("refuse", "fd %d \"first\" 127.0.0.1:", next);
}

static void name_of_a_parent_in_its_child(void)
{
	struct pair pair = make_pair();
	int status;
	pid_t child;

	CHECK(tcpshadow_name(pair.client, "shared") == shadowed);
	child = fork();
	if (child == 0) {
		CHECK(shutdown(pair.client, SHUT_WR) == 0);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	tell("expect", "tcpshadow: %d fd %d \"shared\" ", child, pair.client);
}

static void name_is_printable_and_short(void)
{
	struct pair pair = make_pair();
	char name[300];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK(tcpshadow_name(pair.client, name) == shadowed);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(tcpshadow_name(pair.server, "a\033[2J\"\\\n\377") == shadowed);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	tell("expect", "fd %d \"%.*s\" ", pair.client, TCPSHADOW_NAME_MAX,
	     name);
	tell("expect", "fd %d \"a?[2J????\" ", pair.server);
}

static void name_is_taken_away(void)
{
	struct pair pair = make_pair();

	CHECK(tcpshadow_name(pair.client, NULL) == 0);
	CHECK(tcpshadow_name(pair.client, "gone") == shadowed);
	CHECK(tcpshadow_name(pair.client, "") == 0);
	CHECK(tcpshadow_name(pair.server, "old") == shadowed);
	CHECK(tcpshadow_name(pair.server, "new") == shadowed);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	tell("refuse", "\"gone\"");
	tell("refuse", "\"old\"");
	tell("expect", "\"new\"");
}

/* More than there is room for: the newest are there. */
static void names_of_many_sockets(void)
{
	enum { MANY = 6000, LAST = 100 };
	int newest = -1;

	for (int i = 0; i < MANY; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char name[32];

		CHECK(fd >= 0);
		snprintf(name, sizeof(name), "number %d", i);
		CHECK(tcpshadow_name(fd, name) == shadowed);
		if (i == MANY - 1)
			newest = fd;
		else
			CHECK(close(fd) == 0);
	}
	CHECK(listen(newest, 1) == 0);
	tell("expect", "fd %d \"number %d\" ", newest, MANY - 1);
}

/* ---- marks and findings --------------------------------------------------- */

static int refused_port;

/* One place: only the first time is printed. */
static void be_refused(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect_to(fd, refused_port) == -1 && errno == ECONNREFUSED);
	CHECK(close(fd) == 0);
}

static void find_refused_port(void)
{
	int fd = listener_on(0);

	refused_port = port_of(fd);
	CHECK(close(fd) == 0);
}

static void leave_unread(void)
{
	struct pair pair = make_pair();

	CHECK(send(pair.client, "unread", 6, MSG_NOSIGNAL) == 6);
	wait_events(pair.server, POLLIN);
	CHECK(close(pair.server) == 0);
	CHECK(close(pair.client) == 0);
	CHECK(close(pair.listener) == 0);
}

static int if_here(int count)
{
	return shadowed ? count : 0;
}

#define FOUND(mark, what, count) \
	CHECK(tcpshadow_findings(mark, what) == if_here(count))

static void mark_is_a_line_with_the_time(void)
{
	tcpshadow_mark("first test");
	tcpshadow_mark("a\033[2J\n\\");
	tcpshadow_mark("");
	tell("expect", " UTC: first test\n");
	tell("expect", " UTC: a\\x1b[2J\\x0a\\x5c");
}

static void findings_since_the_mark(void)
{
	int start = tcpshadow_mark(NULL);
	int mark;

	find_refused_port();
	FOUND(start, NULL, 0);
	be_refused();
	FOUND(start, NULL, 1);
	FOUND(start, "connect-refused", 1);
	FOUND(start, "reset-on-close", 0);
	mark = tcpshadow_mark("between");
	FOUND(mark, NULL, 0);
	leave_unread();
	FOUND(mark, NULL, 1);
	FOUND(mark, "connect-refused", 0);
	FOUND(mark, "reset-on-close", 1);
	FOUND(start, "connect-refused", 1);
	FOUND(start, "error", 0);
	FOUND(start, "warning", 1);
	FOUND(start, "note", 2);
	FOUND(start, NULL, 2);
	FOUND(0, NULL, 2);
	FOUND(-5, NULL, 2);
	FOUND(1000, NULL, 0);
}

static void finding_at_the_same_place_counts_again(void)
{
	int mark;

	find_refused_port();
	be_refused();
	mark = tcpshadow_mark(NULL);
	be_refused();
	be_refused();
	FOUND(mark, "connect-refused", 2);
}

/* A typing error must not pass for "none found". */
static void rule_that_is_none(void)
{
	FOUND(0, "conect-refused", -1);
	FOUND(0, "", -1);
	FOUND(0, "errors", -1);
	tell("silent", "there is no socket");
}

static void more_findings_than_are_remembered(void)
{
	enum { KEPT = 8192 };
	int mark;

	find_refused_port();
	be_refused();
	mark = tcpshadow_mark(NULL);
	for (int i = 0; i < KEPT; i++)
		be_refused();
	FOUND(mark, "connect-refused", KEPT);
	be_refused();
	FOUND(mark, NULL, KEPT + 1);
	FOUND(mark, "connect-refused", -1);
	FOUND(mark, "reset-on-close", -1);
	FOUND(mark + 1, "connect-refused", KEPT);
}

static void child_goes_on_counting(void)
{
	int status;
	int mark;
	pid_t child;

	find_refused_port();
	be_refused();
	mark = tcpshadow_mark(NULL);
	be_refused();
	child = fork();
	if (child == 0) {
		int own = tcpshadow_mark(NULL);

		FOUND(mark, NULL, 1);
		be_refused();
		FOUND(mark, NULL, 2);
		FOUND(own, "connect-refused", 1);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	FOUND(mark, NULL, 1);
}

static void child_on_borrowed_memory_changes_nothing(void)
{
	struct pair pair = make_pair();
	int status;
	pid_t child;

	CHECK(tcpshadow_name(pair.client, "parent") == shadowed);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	child = vfork();
#pragma GCC diagnostic pop
	if (child == 0) {
		tcpshadow_name(pair.client, "child");
		tcpshadow_mark("child");
		_exit(*tcpshadow_expected(pair.client) != '\0');
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	EXPECTS(pair.client, "ESTABLISHED");
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	tell("expect", "\"parent\"");
	tell("refuse", "child");
}

/* ---- threads, handlers, sandbox ------------------------------------------- */

enum { THREADS = 4, ROUNDS = 300 };

static void *name_and_count(void *argument)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char name[32];

	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "round %d", i);
		CHECK(tcpshadow_name(fd, name) == shadowed);
		EXPECTS(fd, "CLOSED");
		be_refused();
	}
	CHECK(close(fd) == 0);
	return NULL;
}

static void threads_at_once(void)
{
	int mark = tcpshadow_mark("threads");
	pthread_t threads[THREADS];

	find_refused_port();
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, name_and_count, NULL) ==
		      0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	FOUND(mark, NULL, THREADS * ROUNDS);
	FOUND(mark, "connect-refused", THREADS * ROUNDS);
}

static int handled_fd;
static volatile sig_atomic_t handled;

static void handler(int number)
{
	(void)number;
	tcpshadow_name(handled_fd, "handler");
	tcpshadow_expected(handled_fd);
	tcpshadow_kernel(handled_fd);
	tcpshadow_findings(tcpshadow_mark(NULL), "error");
	handled++;
}

static void handler_between_its_own_calls(void)
{
	struct itimerval often = { .it_interval = { .tv_usec = 50 },
				   .it_value = { .tv_usec = 50 } };
	struct itimerval never = { .it_value = { .tv_usec = 0 } };

	handled_fd = socket(AF_INET, SOCK_STREAM, 0);
	signal(SIGALRM, handler);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	while (handled < 500) {
		tcpshadow_name(handled_fd, "program");
		EXPECTS(handled_fd, "CLOSED");
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	CHECK(tcpshadow_name(handled_fd, "end") == shadowed);
	CHECK(listen(handled_fd, 1) == 0);
	tell("expect", "fd %d \"end\" ", handled_fd);
}

static void no_system_call_in_a_sandbox(void)
{
	struct pair pair = make_pair();
	int mark;
	char byte;

	find_refused_port();
	be_refused();
	CHECK(close(pair.client) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("refuse", "sandbox");
	SANDBOX(SYS_read, SYS_write);
	CHECK(tcpshadow_active() == 0);
	mark = tcpshadow_mark("sandbox");
	/* The sandbox itself is a blind spot. */
	CHECK(mark == if_here(2));
	CHECK(read(pair.server, &byte, 1) == 0);
	EXPECTS(pair.server, "CLOSE_WAIT");
	CHECK(*tcpshadow_kernel(pair.server) == '\0');
	CHECK(*tcpshadow_expected(0) == '\0');
	tcpshadow_name(pair.server, "sandbox");
	FOUND(mark, NULL, 0);
	FOUND(0, "connect-refused", 1);
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
#define SCENARIO(name) { #name, name }
		SCENARIO(active_with_the_library_only),
		SCENARIO(inactive_before_the_constructor),
		SCENARIO(states_are_the_kernels),
		SCENARIO(close_wait_is_expected_from_the_read_on),
		SCENARIO(time_wait_of_an_open_descriptor),
		SCENARIO(numbers_that_are_no_tcp_socket),
		SCENARIO(number_that_leads_elsewhere_by_now),
		SCENARIO(errno_is_left_alone),
		SCENARIO(name_is_in_every_line_of_the_socket),
		SCENARIO(name_is_the_sockets_not_the_numbers),
		SCENARIO(name_of_a_parent_in_its_child),
		SCENARIO(name_is_printable_and_short),
		SCENARIO(name_is_taken_away),
		SCENARIO(names_of_many_sockets),
		SCENARIO(mark_is_a_line_with_the_time),
		SCENARIO(findings_since_the_mark),
		SCENARIO(finding_at_the_same_place_counts_again),
		SCENARIO(rule_that_is_none),
		SCENARIO(more_findings_than_are_remembered),
		SCENARIO(child_goes_on_counting),
		SCENARIO(child_on_borrowed_memory_changes_nothing),
		SCENARIO(threads_at_once),
		SCENARIO(handler_between_its_own_calls),
		SCENARIO(no_system_call_in_a_sandbox),
	};
	const char *preload = getenv("LD_PRELOAD");

	shadowed = preload && strstr(preload, "libtcpshadow.so");
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
