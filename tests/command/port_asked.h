/*
 * What the tests of `tcpshadow port` share: sockets that the test holds itself,
 * in a network of its own, and what the command says of them. What it says of
 * bind() is held against binding.
 */
#ifndef COMMAND_PORT_ASKED_H
#define COMMAND_PORT_ASKED_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/port.h"
#include "model/errno_name.h"
#include "support/net.h"
#include "support/run.h"
#include "support/wait.h"

/* Every port is free in a network of the test's own. */
enum { PORT = 5188 };

enum flags { PLAIN = 0, REUSEADDR = 1, REUSEPORT = 2, V6ONLY = 4 };

static struct run run;

static inline void isolate(void)
{
	if (!net_isolate())
		cr_skip_test("a network of its own needs root");
}

static inline void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static inline int new_socket(int family, unsigned int flags)
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
static inline int bind_to(int fd, const char *host, int port)
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

static inline int bound(int family, const char *host, unsigned int flags)
{
	int fd = new_socket(family, flags);

	cr_assert_eq(bind_to(fd, host, PORT), 0);
	return fd;
}

static inline int listening(int family, const char *host, unsigned int flags)
{
	int fd = bound(family, host, flags);

	cr_assert_eq(listen(fd, 64), 0);
	return fd;
}

static inline int connect_from(const char *host, int port)
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

static inline struct pair connected(int listener)
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

static inline bool count_state(const struct diag_row *row, void *argument)
{
	struct expected *expected = argument;

	expected->seen += row->state == expected->state;
	return true;
}

static inline bool is_there(void *argument)
{
	static char reply[DIAG_REPLY_SIZE] __attribute__((aligned(16)));
	struct expected *expected = argument;

	expected->seen = 0;
	diag_port(PORT, DIAG_ALL, count_state, expected, reply);
	return expected->seen == expected->count;
}

static inline void wait_state(enum tcp_state state, unsigned int count)
{
	struct expected expected = { .state = state, .count = count };

	cr_assert(wait_for(is_there, &expected, 10000), "%u in %s",
		  expected.seen, state_name(state));
}

/* The server's side closes first. */
static inline void close_in_order(struct pair pair)
{
	char byte;

	cr_assert_eq(close(pair.server), 0);
	cr_assert_eq(read(pair.client, &byte, 1), 0);
	cr_assert_eq(close(pair.client), 0);
}

/* Someone listened, closed first, and is gone. */
static inline void leave_time_wait(unsigned int flags)
{
	int listener = listening(AF_INET, "0.0.0.0", flags);
	struct pair pair = connected(listener);

	close(listener);
	close_in_order(pair);
	wait_state(ST_TIME_WAIT, 1);
}

static inline const char *ask_text(const char *port, int status)
{
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "port", port)),
		     status, "%s: %s", port, run_output(&run));
	cr_expect_str_empty(run_errors(&run));
	return run_output(&run);
}

static inline const char *string_of(json_t *object, const char *name)
{
	const char *string = json_string_value(json_object_get(object, name));

	return string ? string : "";
}

static inline long number_of(json_t *object, const char *name)
{
	return (long)json_integer_value(json_object_get(object, name));
}

/* What the kernel answers to the same bind(). */
static inline const char *really(json_t *local, unsigned int flags)
{
	const char *host = string_of(local, "address");
	int fd = new_socket(strchr(host, ':') ? AF_INET6 : AF_INET, flags);
	int result = bind_to(fd, host, (int)number_of(local, "port"));

	close(fd);
	return result == 0 ? "success" : errno_name(-result);
}

static inline void check_binds(json_t *root)
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
static inline json_t *ask(const char *port, int status)
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
static inline void check_schema(void)
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

static inline json_t *holder(json_t *root, size_t index)
{
	return json_array_get(json_object_get(root, "holders"), index);
}

static inline void expect_holder(json_t *root, size_t index, const char *class,
				 const char *state)
{
	cr_expect_str_eq(string_of(holder(root, index), "class"), class);
	cr_expect_str_eq(string_of(holder(root, index), "state"), state);
}

static inline json_t *owner(json_t *root, size_t index)
{
	return json_array_get(json_object_get(holder(root, index), "owners"),
			      0);
}

static inline void expect_owner(json_t *root, size_t index, int fd)
{
	cr_expect_eq(number_of(owner(root, index), "pid"), getpid());
	cr_expect_eq(number_of(owner(root, index), "fd"), fd);
}

static inline const char *bind_answer(json_t *root, size_t index,
				      const char *how)
{
	return string_of(json_array_get(json_object_get(root, "binds"), index),
			 how);
}

static inline long unix_time(const char *text)
{
	struct tm tm = { .tm_year = 0 };

	cr_assert(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm), "%s", text);
	return timegm(&tm);
}

static inline void begin(void)
{
	run = (struct run){ .input = -1 };
}

static inline void finish(void)
{
	run_end(&run);
}

TestSuite(port, .init = begin, .fini = finish);

#endif
