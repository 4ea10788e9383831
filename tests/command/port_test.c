/*
 * tcpshadow port against sockets that the test holds itself, in a network of
 * its own. What it says of bind() is held against binding.
 */
#include "command/port.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pty.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/errno_name.h"
#include "support/net.h"
#include "support/run.h"
#include "support/wait.h"

/* Every port is free in a network of the test's own. */
enum { PORT = 5188 };

enum flags { PLAIN = 0, REUSEADDR = 1, REUSEPORT = 2, V6ONLY = 4 };

static struct run run;

static void isolate(void)
{
	if (!net_isolate())
		cr_skip_test("a network of its own needs root");
}

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static int new_socket(int family, unsigned int flags)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	if (flags & REUSEADDR)
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (flags & REUSEPORT)
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			   (flags & V6ONLY) != 0);
	return fd;
}

/* bind(2) to an address in numbers: 0 or -errno. */
static int bind_to(int fd, const char *host, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };
	int result;

	if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		result = bind(fd, (struct sockaddr *)&in, sizeof(in));
	} else {
		cr_assert_eq(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
		result = bind(fd, (struct sockaddr *)&in6, sizeof(in6));
	}
	return result < 0 ? -errno : 0;
}

static int bound(int family, const char *host, unsigned int flags)
{
	int fd = new_socket(family, flags);

	cr_assert_eq(bind_to(fd, host, PORT), 0);
	return fd;
}

static int listening(int family, const char *host, unsigned int flags)
{
	int fd = bound(family, host, flags);

	cr_assert_eq(listen(fd, 64), 0);
	return fd;
}

static int connect_from(const char *host, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(PORT),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = new_socket(AF_INET, PLAIN);

	if (host)
		cr_assert_eq(bind_to(fd, host, port), 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

/* Both ends of a connection to PORT. */
struct pair {
	int client;
	int server;
};

static struct pair connected(int listener)
{
	struct pair pair = { .client = connect_from(NULL, 0) };

	pair.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(pair.server, 0);
	return pair;
}

struct expected {
	enum tcp_state state;
	unsigned int count;
	unsigned int seen;
};

static bool count_state(const struct diag_row *row, void *argument)
{
	struct expected *expected = argument;

	expected->seen += row->state == expected->state;
	return true;
}

static bool is_there(void *argument)
{
	static char reply[DIAG_REPLY_SIZE] __attribute__((aligned(16)));
	struct expected *expected = argument;

	expected->seen = 0;
	diag_port(PORT, DIAG_ALL, count_state, expected, reply);
	return expected->seen == expected->count;
}

static void wait_state(enum tcp_state state, unsigned int count)
{
	struct expected expected = { .state = state, .count = count };

	cr_assert(wait_for(is_there, &expected, 10000), "%u in %s",
		  expected.seen, state_name(state));
}

/* The server's side closes first. */
static void close_in_order(struct pair pair)
{
	char byte;

	cr_assert_eq(close(pair.server), 0);
	cr_assert_eq(read(pair.client, &byte, 1), 0);
	cr_assert_eq(close(pair.client), 0);
}

/* Someone listened, closed first, and is gone. */
static void leave_time_wait(unsigned int flags)
{
	int listener = listening(AF_INET, "0.0.0.0", flags);
	struct pair pair = connected(listener);

	close(listener);
	close_in_order(pair);
	wait_state(ST_TIME_WAIT, 1);
}

static const char *ask_text(const char *port, int status)
{
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "port", port)),
		     status, "%s: %s", port, run_output(&run));
	cr_expect_str_empty(run_errors(&run));
	return run_output(&run);
}

static const char *string_of(json_t *object, const char *name)
{
	const char *string = json_string_value(json_object_get(object, name));

	return string ? string : "";
}

static long number_of(json_t *object, const char *name)
{
	return (long)json_integer_value(json_object_get(object, name));
}

/* What the kernel answers to the same bind(). */
static const char *really(json_t *local, unsigned int flags)
{
	const char *host = string_of(local, "address");
	int fd = new_socket(strchr(host, ':') ? AF_INET6 : AF_INET, flags);
	int result = bind_to(fd, host, (int)number_of(local, "port"));

	close(fd);
	return result == 0 ? "success" : errno_name(-result);
}

static void check_binds(json_t *root)
{
	json_t *binds = json_object_get(root, "binds");
	json_t *answered;
	size_t i;

	cr_expect_gt(json_array_size(binds), 0);
	json_array_foreach(binds, i, answered)
	{
		json_t *local = json_object_get(answered, "local");

		cr_expect_str_eq(string_of(answered, "plain"),
				 really(local, PLAIN));
		cr_expect_str_eq(string_of(answered, "reuseaddr"),
				 really(local, REUSEADDR));
		cr_expect_str_eq(string_of(answered, "reuseport"),
				 really(local, REUSEPORT));
	}
}

/* The parsed answer, after its predictions were tried. */
static json_t *ask(const char *port, int status)
{
	json_error_t error;
	json_t *root;

	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "port", "--json", port)),
		     status, "%s: %s", port, run_errors(&run));
	root = json_loads(run_output(&run), 0, &error);
	cr_assert(root, "%s", error.text);
	cr_expect_eq(json_is_true(json_object_get(root, "held")), status == 1);
	check_binds(root);
	return root;
}

/* An independent word on the shape of the last answer. */
static void check_schema(void)
{
	const char *source = getenv("TCPSHADOW_SOURCE");
	struct run validator;
	char instance[96];
	char schema[512];

	snprintf(instance, sizeof(instance), "%s/out", run.folder);
	snprintf(schema, sizeof(schema), "%s/docs/port.schema.json",
		 source ? source : ".");
	cr_expect_eq(
		run_all(&validator, false, NULL,
			ARGV("/usr/bin/jsonschema", "-i", instance, schema)),
		0, "%s", run_errors(&validator));
	run_end(&validator);
}

static json_t *holder(json_t *root, size_t index)
{
	return json_array_get(json_object_get(root, "holders"), index);
}

static void expect_holder(json_t *root, size_t index, const char *class,
			  const char *state)
{
	cr_expect_str_eq(string_of(holder(root, index), "class"), class);
	cr_expect_str_eq(string_of(holder(root, index), "state"), state);
}

static json_t *owner(json_t *root, size_t index)
{
	return json_array_get(json_object_get(holder(root, index), "owners"),
			      0);
}

static void expect_owner(json_t *root, size_t index, int fd)
{
	cr_expect_eq(number_of(owner(root, index), "pid"), getpid());
	cr_expect_eq(number_of(owner(root, index), "fd"), fd);
}

static const char *bind_answer(json_t *root, size_t index, const char *how)
{
	return string_of(json_array_get(json_object_get(root, "binds"), index),
			 how);
}

static long unix_time(const char *text)
{
	struct tm tm = { .tm_year = 0 };

	cr_assert(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm), "%s", text);
	return timegm(&tm);
}

static void begin(void)
{
	run = (struct run){ .input = -1 };
}

static void finish(void)
{
	run_end(&run);
}

TestSuite(port, .init = begin, .fini = finish);

Test(port, that_is_free)
{
	json_t *root;

	isolate();
	root = ask("5188", 0);
	check_schema();
	cr_expect_eq(number_of(root, "total"), 0);
	cr_expect_str_eq(bind_answer(root, 0, "plain"), "success");
	cr_expect_str_eq(bind_answer(root, 1, "plain"), "success");
	cr_expect_str_eq(ask_text("5188", 0),
			 "port 5188 is free\n"
			 "bind() to [::]:5188 now (tried): success\n"
			 "bind() to 0.0.0.0:5188 now (tried): success\n");
}

Test(port, of_a_listener_names_its_process_descriptor_and_start)
{
	char line[128];
	const char *text;
	json_t *root;
	int fd;

	isolate();
	fd = listening(AF_INET, "0.0.0.0", REUSEADDR);
	root = ask("5188", 1);
	expect_holder(root, 0, "listener", "LISTEN");
	expect_owner(root, 0, fd);
	cr_expect_leq(labs(unix_time(string_of(owner(root, 0), "started")) -
			   time(NULL)),
		      10);
	cr_expect_str_eq(bind_answer(root, 1, "reuseaddr"), "EADDRINUSE");
	prctl(PR_SET_NAME, "echoserv");
	text = ask_text("5188", 1);
	snprintf(line, sizeof(line),
		 "holder: listener LISTEN 0.0.0.0:5188 pid %d (echoserv) "
		 "fd %d\n    pid %d runs since 20",
		 getpid(), fd, getpid());
	cr_expect(strstr(text, line), "%s", text);
	cr_expect(strstr(text, "port 5188 is held: 1 LISTEN\n"));
	cr_expect(strstr(text, "bind() to 0.0.0.0:5188 now (tried): EADDRINUSE,"
			       " with SO_REUSEADDR: EADDRINUSE\n"));
	cr_expect(strstr(text, "help: a socket listens there: stop"));
	cr_expect_null(strchr(text, '\033'));
}

Test(port, of_a_listener_in_two_processes_names_both)
{
	json_t *root;
	pid_t child;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	root = ask("5188", 1);
	cr_expect_eq(
		json_array_size(json_object_get(holder(root, 0), "owners")), 2);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

Test(port, of_a_full_listener_tells_who_waits)
{
	json_t *root;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	connect_from(NULL, 0);
	connect_from(NULL, 0);
	wait_state(ST_ESTABLISHED, 2);
	root = ask("5188", 1);
	cr_expect_eq(number_of(holder(root, 0), "waiting"), 2);
	cr_expect_eq(number_of(holder(root, 0), "backlog"), 64);
	cr_expect(strstr(ask_text("5188", 1),
			 "    2 connections wait to be accepted (backlog 64)"));
}

Test(port, bound_without_listening)
{
	json_t *root;
	int fd;

	isolate();
	fd = bound(AF_INET, "127.0.0.1", REUSEADDR);
	root = ask("127.0.0.1:5188", 1);
	check_schema();
	expect_holder(root, 0, "bound", "CLOSED");
	expect_owner(root, 0, fd);
	cr_expect_str_eq(bind_answer(root, 0, "reuseaddr"), "success");
	ask("127.0.0.2:5188", 0);
	cr_expect(strstr(ask_text("5188", 1),
			 "is held: 1 bound without listening\n"));
}

Test(port, in_time_wait_of_a_server_without_reuseaddr)
{
	const char *text;
	json_t *root;
	long left;

	isolate();
	leave_time_wait(PLAIN);
	root = ask("5188", 1);
	expect_holder(root, 0, "time-wait", "TIME_WAIT");
	cr_expect_eq(
		json_array_size(json_object_get(holder(root, 0), "owners")), 0);
	cr_expect(json_is_false(json_object_get(holder(root, 0), "owned")));
	left = number_of(holder(root, 0), "left_ms");
	cr_expect(left > 40000 && left <= 60000, "%ld", left);
	cr_expect_leq(labs(unix_time(string_of(holder(root, 0), "ends")) -
			   unix_time(string_of(root, "asked")) - left / 1000),
		      2);
	cr_expect_str_eq(bind_answer(root, 1, "reuseaddr"), "EADDRINUSE");
	text = ask_text("5188", 1);
	cr_expect(strstr(text, "is held: 1 TIME_WAIT; until "), "%s", text);
	cr_expect(strstr(text, " no process, "), "%s", text);
	cr_expect(strstr(text, "help: the side that closed first"));
}

Test(port, in_time_wait_of_a_server_with_reuseaddr)
{
	json_t *root;

	isolate();
	leave_time_wait(REUSEADDR);
	root = ask("5188", 1);
	cr_expect_str_eq(bind_answer(root, 1, "plain"), "EADDRINUSE");
	cr_expect_str_eq(bind_answer(root, 1, "reuseaddr"), "success");
	cr_expect_str_eq(bind_answer(root, 1, "reuseport"), "EADDRINUSE");
}

Test(port, of_a_connection_in_fin_wait_2)
{
	struct pair pair;
	json_t *root;
	int listener;

	isolate();
	listener = listening(AF_INET, "0.0.0.0", PLAIN);
	pair = connected(listener);
	close(listener);
	shutdown(pair.server, SHUT_WR);
	wait_state(ST_FIN_WAIT_2, 1);
	root = ask("5188", 1);
	expect_holder(root, 0, "connection", "FIN_WAIT_2");
	expect_owner(root, 0, pair.server);
	cr_expect_null(json_object_get(holder(root, 0), "left_ms"));
}

Test(port, left_to_an_orphan_in_fin_wait_2)
{
	struct pair pair;
	json_t *root;
	int listener;

	isolate();
	listener = listening(AF_INET, "0.0.0.0", PLAIN);
	pair = connected(listener);
	close(listener);
	close(pair.server);
	wait_state(ST_FIN_WAIT_2, 1);
	root = ask("5188", 1);
	expect_holder(root, 0, "connection", "FIN_WAIT_2");
	cr_expect(json_is_false(json_object_get(holder(root, 0), "owned")));
	cr_expect_gt(number_of(holder(root, 0), "left_ms"), 0);
}

Test(port, of_a_connection_tells_what_has_flowed)
{
	struct pair pair;
	json_t *activity;
	json_t *root;
	int listener;
	char byte;

	isolate();
	listener = listening(AF_INET, "0.0.0.0", PLAIN);
	pair = connected(listener);
	cr_assert_eq(write(pair.client, "x", 1), 1);
	cr_assert_eq(read(pair.server, &byte, 1), 1);
	close(listener);
	root = ask("5188", 1);
	expect_holder(root, 0, "connection", "ESTABLISHED");
	expect_owner(root, 0, pair.server);
	check_schema();
	activity = json_object_get(holder(root, 0), "activity");
	cr_expect(json_is_true(json_object_get(activity, "received")));
	cr_expect(json_is_false(json_object_get(activity, "sent")));
	cr_expect_lt(number_of(activity, "since_received_ms"), 10000);
	cr_expect(strstr(ask_text("5188", 1), "no data sent"));
	cr_expect(strstr(run_output(&run), "    connected ") ||
		  strstr(run_output(&run), "    last data received 0 s ago"));
}

/* The port of a client, chosen by the kernel. */
Test(port, that_is_the_source_of_a_connection)
{
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	char port[16];
	json_t *root;
	int client;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	client = connect_from(NULL, 0);
	cr_assert_eq(getsockname(client, (struct sockaddr *)&in, &length), 0);
	snprintf(port, sizeof(port), "%d", ntohs(in.sin_port));
	root = ask(port, 1);
	expect_holder(root, 0, "ephemeral", "ESTABLISHED");
	expect_owner(root, 0, client);
}

/* The service has a port of that range too, but listens on this machine. */
Test(port, that_is_the_source_of_a_connection_to_a_port_like_it)
{
	FILE *range;
	char port[16];
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	int client;

	isolate();
	range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");
	cr_assert(range);
	fputs("5000 6000", range);
	cr_assert_eq(fclose(range), 0);
	listening(AF_INET, "0.0.0.0", PLAIN);
	client = connect_from(NULL, 0);
	cr_assert_eq(getsockname(client, (struct sockaddr *)&in, &length), 0);
	snprintf(port, sizeof(port), "%d", ntohs(in.sin_port));
	expect_holder(ask(port, 1), 0, "ephemeral", "ESTABLISHED");
}

Test(port, shared_by_reuseport)
{
	json_t *root;

	isolate();
	listening(AF_INET, "0.0.0.0", REUSEPORT);
	listening(AF_INET, "0.0.0.0", REUSEPORT);
	root = ask("5188", 1);
	cr_expect_eq(number_of(root, "total"), 2);
	expect_holder(root, 0, "reuseport", "LISTEN");
	cr_expect_str_eq(bind_answer(root, 1, "reuseport"), "success");
	cr_expect(strstr(ask_text("0.0.0.0:5188", 1),
			 "with SO_REUSEPORT: success\n"));
}

Test(port, of_a_dual_stack_listener_asked_for_by_ipv4)
{
	json_t *root;

	isolate();
	listening(AF_INET6, "::", PLAIN);
	expect_holder(ask("127.0.0.1:5188", 1), 0, "dual-stack", "LISTEN");
	root = ask("5188", 1);
	expect_holder(root, 0, "listener", "LISTEN");
	cr_expect_eq(json_array_size(json_object_get(root, "binds")), 2);
}

Test(port, of_an_ipv6_only_listener_leaves_ipv4_free)
{
	json_t *root;

	isolate();
	listening(AF_INET6, "::", V6ONLY);
	root = ask("5188", 1);
	cr_expect_str_eq(bind_answer(root, 0, "plain"), "EADDRINUSE");
	cr_expect_str_eq(bind_answer(root, 1, "plain"), "success");
	ask("127.0.0.1:5188", 0);
	ask("[::1]:5188", 1);
}

Test(port, of_a_listener_on_another_address_overlaps_with_the_wildcard)
{
	isolate();
	listening(AF_INET, "127.0.0.1", PLAIN);
	expect_holder(ask("0.0.0.0:5188", 1), 0, "overlap", "LISTEN");
	expect_holder(ask("*:5188", 1), 0, "listener", "LISTEN");
	ask("127.0.0.2:5188", 0);
	ask("[::1]:5188", 0);
	ask("[::ffff:127.0.0.1]:5188", 1);
}

/* In nobody's descriptor table: it travels over a unix socket. */
Test(port, held_by_a_listener_between_two_processes)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int pair[2];
	int fd;

	isolate();
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fd = listening(AF_INET, "0.0.0.0", PLAIN);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	cr_assert_eq(sendmsg(pair[0], &message, 0), 1);
	close(fd);
	cr_expect(strstr(ask_text("5188", 1),
			 " a process that cannot be seen (uid 0, root)"),
		  "%s", run_output(&run));
}

Test(port, of_a_process_with_a_hostile_name)
{
	json_t *root;

	isolate();
	prctl(PR_SET_NAME, "\033[31m\"\xff\xc3\n");
	listening(AF_INET, "0.0.0.0", PLAIN);
	root = ask("5188", 1);
	check_schema();
	cr_expect_str_eq(string_of(owner(root, 0), "command"),
			 "\\x1b[31m\"\\xff\\xc3");
	cr_expect(strstr(ask_text("5188", 1), "(\\x1b[31m\"\\xff\\xc3)"));
	for (const char *at = run_output(&run); *at; at++)
		cr_expect(*at == '\n' || (*at >= ' ' && *at < 0x7f));
}

/* Of the commands so far, in ms: whoever else is busy does not count. */
static long processor_time(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* From 20 addresses, 1000 ports each: no two are the same connection. */
Test(port, with_20000_in_time_wait_is_answered_fast, .timeout = 120)
{
	const char *text;
	json_t *states;
	json_t *root;
	int listener;
	long before;
	long spent;

	isolate();
	bound(AF_INET, "127.0.0.7", REUSEADDR);
	listener = listening(AF_INET, "0.0.0.0", REUSEADDR);
	for (int i = 0; i < 20000; i++) {
		struct pair pair;
		char host[32];

		snprintf(host, sizeof(host), "127.0.1.%d", i / 1000 + 1);
		pair.client = connect_from(host, 10000 + i % 1000);
		pair.server = accept(listener, NULL, NULL);
		close_in_order(pair);
	}
	wait_state(ST_TIME_WAIT, 20000);
	before = processor_time();
	text = ask_text("5188", 1);
	spent = processor_time() - before;
	fprintf(stderr, "answered in %ld ms\n", spent);
	cr_expect_lt(spent, 1000);
	cr_expect(strstr(text, "1 bound without listening, 1 LISTEN, "
			       "20000 TIME_WAIT\n"),
		  "%s", text);
	cr_expect(
		strstr(text, "and 19996 more in TIME_WAIT; the last ends in "));
	root = ask("5188", 1);
	cr_expect_eq(number_of(root, "total"), 20002);
	cr_expect_eq(json_array_size(json_object_get(root, "holders")), 6);
	states = json_object_get(json_object_get(root, "states"), "TIME_WAIT");
	cr_expect_eq(number_of(states, "count"), 20000);
	cr_expect_gt(number_of(states, "longest_left_ms"), 30000);
	check_schema();
}

Test(port, with_many_listeners_shows_them_all)
{
	isolate();
	for (int i = 0; i < 50; i++)
		listening(AF_INET, "0.0.0.0", REUSEPORT);
	cr_expect_eq(
		json_array_size(json_object_get(ask("5188", 1), "holders")),
		50);
}

/*
 * The command as a user whom nothing belongs to, and who may not be able to
 * reach the build folder.
 */
static const char *ask_as_nobody(const char *port, int status)
{
	struct run copy;
	char path[96];

	run_end(&run);
	cr_assert_eq(run_all(&copy, false, NULL, ARGV("true")), 0);
	snprintf(path, sizeof(path), "%s/tcpshadow", copy.folder);
	cr_assert_eq(
		run_all(&run, false, NULL, ARGV("cp", run_command(), path)), 0);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV("setpriv", "--reuid=54321", "--regid=54321",
				  "--clear-groups", path, "port", port)),
		     status, "%s", run_errors(&run));
	run_end(&copy);
	return run_output(&run);
}

/* What another user may see: the socket, and how much is hidden. */
Test(port, asked_about_by_another_user)
{
	const char *text;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	text = ask_as_nobody("5188", 1);
	cr_expect(strstr(text, "holder: listener LISTEN 0.0.0.0:5188 a process "
			       "that cannot be seen (uid 0, root)\n"),
		  "%s", text);
	cr_expect(strstr(text, " processes of other users could not be looked "
			       "into: run as root to see all owners\n"),
		  "%s", text);
}

/* With hidepid other users' processes are not even there to be counted. */
Test(port, asked_about_by_another_user_in_a_proc_that_hides)
{
	const char *text;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		cr_skip_test("no proc that hides here");
	text = ask_as_nobody("5188", 1);
	cr_expect(strstr(text, "(uid 0, root): run as root to see it\n"), "%s",
		  text);
}

/* Of the asking user, but its files are root's: it holds nothing. */
static pid_t zombie_of_nobody(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		execlp("setpriv", "setpriv", "--reuid=54321", "--regid=54321",
		       "--clear-groups", "true", NULL);
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

Test(port, asked_about_by_another_user_with_a_zombie)
{
	const char *text;
	pid_t zombie;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		cr_skip_test("no proc that hides here");
	zombie = zombie_of_nobody();
	text = ask_as_nobody("5188", 1);
	cr_expect(strstr(text, "(uid 0, root): run as root to see it\n"), "%s",
		  text);
	waitpid(zombie, NULL, 0);
}

Test(port, asked_about_by_root_without_the_right_to_look)
{
	char line[600];

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	snprintf(line, sizeof(line),
		 "exec setpriv --bounding-set -sys_ptrace --inh-caps "
		 "-sys_ptrace %s port 5188",
		 run_command());
	cr_expect_eq(run_all(&run, false, NULL, ARGV("sh", "-c", line)), 1);
	cr_expect(strstr(run_output(&run), "this needs CAP_SYS_PTRACE"), "%s",
		  run_output(&run));
}

/* Some sandboxes have no netlink: the bind alone answers then. */
Test(port, where_the_kernel_may_not_be_asked)
{
	struct sock_filter refuse_netlink[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 6, .filter = refuse_netlink };
	json_t *root;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	root = ask("5188", 1);
	check_schema();
	cr_expect_str_eq(string_of(root, "error"), "EACCES");
	cr_expect_eq(number_of(root, "total"), 0);
	cr_expect(strstr(ask_text("5188", 1),
			 "the kernel did not tell who is on the port: "
			 "EACCES\n"));
}

Test(port, that_another_user_may_not_have)
{
	isolate();
	cr_expect(strstr(ask_as_nobody("80", 0),
			 "bind() to 0.0.0.0:80 now (tried): EACCES (not "
			 "permitted"),
		  "%s", run_output(&run));
}

Test(port, that_makes_no_sense)
{
	static const char *const bad[] = {
		"0",
		"65536",
		"99999999999999999999",
		"",
		"x",
		"5188x",
		" 5188",
		"5188 ",
		"+5188",
		"0x50",
		"::",
		"::1:5188",
		"[::1]",
		"[::1]:",
		"[::1]:5188x",
		"[::1]x:5",
		"[:::]:5",
		"[::1%nix]:5188",
		"1.2.3:80",
		"localhost:80",
		"127.0.0.1:",
		"*:",
		"127.0.0.1:0",
		"127.0.0.1:70000",
		":5188",
		"[127.0.0.1]:5",
		"\033[31m",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct port_request request;
		char *wrong = port_parse(bad[i], &request);
		const char *errors;

		cr_expect(wrong, "%s", bad[i]);
		free(wrong);
		run_end(&run);
		cr_expect_eq(run_all(&run, false, NULL,
				     ARGV(run_command(), "port", bad[i])),
			     2, "%s", bad[i]);
		errors = run_errors(&run);
		cr_expect(strncmp(errors, "tcpshadow: ", 11) == 0);
		cr_expect_eq(strchr(errors, '\n'), strrchr(errors, '\n'));
		cr_expect_null(strchr(errors, '\033'));
		cr_expect_str_empty(run_output(&run));
	}
}

Test(port, that_makes_sense)
{
	struct port_request request;

	cr_expect_null(port_parse("65535", &request));
	cr_expect(request.any && request.address.port == 65535);
	cr_expect_null(port_parse("*:1", &request));
	cr_expect(request.any && request.address.port == 1);
	cr_expect_null(port_parse("127.0.0.1:080", &request));
	cr_expect(!request.any && request.address.family == AF_INET &&
		  request.address.port == 80);
	cr_expect_null(port_parse("[fe80::1%lo]:80", &request));
	cr_expect(!request.any && request.address.family == AF_INET6 &&
		  request.scope == 1);
}

Test(port, at_an_address_of_another_machine)
{
	isolate();
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "port", "192.0.2.1:80")),
		     2);
	cr_expect(strstr(run_errors(&run), "no address of this machine"));
}

Test(port, that_cannot_be_told_for_a_full_disk)
{
	char line[600];

	snprintf(line, sizeof(line), "%s port 5188 >/dev/full", run_command());
	cr_expect_eq(run_all(&run, false, NULL, ARGV("sh", "-c", line)), 2);
	cr_expect(strstr(run_errors(&run), "could not be written"));
}

/* What a terminal gets. */
static bool has_escapes(const char *variable)
{
	char text[4096] = "";
	size_t length = 0;
	ssize_t got;
	int terminal;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	if (child == 0) {
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		putenv((char *)variable);
		execl(run_command(), run_command(), "port", "5188", NULL);
		_exit(127);
	}
	cr_assert_gt(child, 0);
	while (length < sizeof(text) - 1 &&
	       (got = read(terminal, text + length,
			   sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	close(terminal);
	waitpid(child, NULL, 0);
	cr_expect(strstr(text, "port 5188"), "%s", text);
	return strchr(text, '\033') != NULL;
}

Test(port, is_coloured_on_a_terminal_only_and_if_wanted)
{
	isolate();
	cr_expect(has_escapes("UNRELATED=1"));
	cr_expect(has_escapes("NO_COLOR="));
	cr_expect(!has_escapes("NO_COLOR=1"));
	cr_expect(!has_escapes("TERM=dumb"));
}

Test(port, help_goes_to_standard_output)
{
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "port", "--help")),
		     0);
	cr_expect(strstr(run_output(&run), "--json"));
	cr_expect(strstr(run_output(&run), "Exit status: 0"));
}
