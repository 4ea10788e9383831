/*
 * "Address already in use" where much is to be told, little, or nothing:
 * holders and owners beyond those that are shown, addresses of two families.
 * What the log must say is told here.
 */
#include <sys/resource.h>

#include "addresses.h"

static int get_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	CHECK(getsockopt(fd, level, name, &value, &length) == 0);
	return value;
}

static void fail_to_bind(int fd, int port)
{
	struct sockaddr_in address = loopback(port);

	CHECK(bind_to(fd, &address) == -1 && errno == EADDRINUSE);
}

/* ---- what the option does ------------------------------------------------- */

/* Also run with reuseaddr=on-conflict: it is tried, and taken back. */
static void option_that_does_not_help_is_not_left_set(void)
{
	int port = port_of(listener_on(0));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int other = socket(AF_INET, SOCK_STREAM, 0);

	fail_to_bind(fd, port);
	CHECK(get_option(fd, SOL_SOCKET, SO_REUSEADDR) == 0);
	set_option(other, SOL_SOCKET, SO_REUSEADDR, 1);
	fail_to_bind(other, port);
	CHECK(get_option(other, SOL_SOCKET, SO_REUSEADDR) == 1);
	tell("expect", "bind() = -1 EADDRINUSE: 127.0.0.1:%d", port);
	tell("expect", "SO_REUSEADDR on this socket would not help now");
	tell("expect", "SO_REUSEADDR is set on this socket, and does not help");
	tell("refuse", "[reuseaddr-applied]");
}

/* With reuseaddr=on-conflict, at one place twice; without it fails. */
static void option_that_helps_is_told_once_for_a_place(void)
{
	struct sockaddr_in address = loopback(0);
	int holder = socket(AF_INET, SOCK_STREAM, 0);
	int helped = 0;

	set_option(holder, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(bind_to(holder, &address) == 0);
	address = loopback(port_of(holder));
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		int result = bind_to(fd, &address);

		CHECK(result == 0 || errno == EADDRINUSE);
		CHECK(get_option(fd, SOL_SOCKET, SO_REUSEADDR) == !result);
		helped += result == 0;
	}
	CHECK(helped == 0 || helped == 2);
	tell("expect", helped ? "tcpshadow set SO_REUSEADDR, and it succeeded"
			      : "SO_REUSEADDR on this socket would help now");
	tell("expect", " again: 1 more time at conflicts+0x");
	tell("refuse", helped ? "[address-in-use]" : "[reuseaddr-applied]");
}

/* bind() has seen the option, whatever is done to it afterwards. */
static void option_that_bind_saw_may_be_set_again(void)
{
	struct sockaddr_in any = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(bind_to(fd, &any) == 0);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(listen(fd, 1) == 0);
	tell("refuse", "[reuseaddr-too-late]");
}

/* What is not followed is not explained. */
static void udp_port_is_nobodys_business(void)
{
	struct sockaddr_in address = loopback(0);
	int holder = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(bind_to(holder, &address) == 0);
	address = loopback(port_of(holder));
	CHECK(bind_to(socket(AF_INET, SOCK_DGRAM, 0), &address) == -1);
	CHECK(errno == EADDRINUSE);
	tell("silent", "none of it is TCP");
}

/*
 * The option helps a socket that is for IPv6 alone, and would not help one that
 * takes IPv4 too: what is tried is what was wanted.
 */
static void option_is_tried_for_ipv6_alone(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int four = socket(AF_INET, SOCK_STREAM, 0);
	int held = socket(AF_INET6, SOCK_STREAM, 0);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	int port;

	if (held < 0)
		skip("no IPv6 here");
	CHECK(bind_to(four, &any) == 0 && listen(four, 1) == 0);
	port = port_of(four);
	set_option(held, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set_option(held, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(bind_to_six(held, &in6addr_any, port) == 0);
	set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	CHECK(bind_to_six(fd, &in6addr_any, port) == -1);
	CHECK(errno == EADDRINUSE);
	tell("expect", "holder: bound CLOSED [::]:%d pid %d", port, getpid());
	tell("refuse", "holder: listener");
	tell("refuse", "holder: dual-stack");
	tell("expect", "SO_REUSEADDR on this socket would help now");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(bind_to_six(fd, &in6addr_any, port) == 0);
}

/* ---- more than is shown --------------------------------------------------- */

static void owners_beyond_those_shown_are_counted(void)
{
	enum { CHILDREN = 6, SHOWN = 4 };
	int port = port_of(listener_on(0));
	pid_t children[CHILDREN];
	int ends[2];
	int status;

	CHECK(pipe(ends) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			char byte;

			CHECK(close(ends[1]) == 0);
			_exit(read(ends[0], &byte, 1) != 0);
		}
	}
	fail_to_bind(socket(AF_INET, SOCK_STREAM, 0), port);
	CHECK(close(ends[1]) == 0);
	for (int i = 0; i < CHILDREN; i++)
		CHECK(waitpid(children[i], &status, 0) == children[i] &&
		      status == 0);
	tell("expect", "holder: listener LISTEN 127.0.0.1:%d pid ", port);
	tell("expect", " and %d more\n", CHILDREN + 1 - SHOWN);
}

static void holders_beyond_those_shown_are_counted(void)
{
	enum { HOLDERS = 11, SHOWN = 8 };
	struct sockaddr_in any = { .sin_family = AF_INET };
	int port = 0;

	for (int i = 1; i <= HOLDERS; i++) {
		struct sockaddr_in address = numbered(i, port);
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		CHECK(bind_to(fd, &address) == 0);
		port = port_of(fd);
	}
	any.sin_port = htons((uint16_t)port);
	CHECK(bind_to(socket(AF_INET, SOCK_STREAM, 0), &any) == -1);
	CHECK(errno == EADDRINUSE);
	tell("expect", "holder: bound CLOSED 127.0.0.");
	tell("expect", "and %d more holders\n", HOLDERS - SHOWN);
	tell("expect", "SO_REUSEADDR on this socket would not help now");
}

/* Each listens elsewhere; that there are more is said. */
static void listeners_beyond_those_shown_are_counted(void)
{
	enum { LISTENERS = 7, SHOWN = 4 };
	struct sockaddr_in address;
	int port = 0;

	for (int i = 1; i <= LISTENERS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		address = numbered(i, port);
		CHECK(bind_to(fd, &address) == 0 && listen(fd, 1) == 0);
		port = port_of(fd);
	}
	address = numbered(LISTENERS + 1, port);
	CHECK(connect(socket(AF_INET, SOCK_STREAM, 0),
		      (struct sockaddr *)&address, sizeof(address)) == -1);
	CHECK(errno == ECONNREFUSED);
	tell("expect", "[connect-refused]");
	tell("expect", ", which is not the address that was asked for\n");
	tell("expect", "and %d more sockets listen on that port\n",
	     LISTENERS - SHOWN);
	tell("refuse", "nobody listens on that port");
}

/* ---- one place, several addresses ----------------------------------------- */

/* Each is explained, and what comes again is counted. */
static void two_busy_ports_at_one_place(void)
{
	int ports[] = { port_of(listener_on(0)), port_of(listener_on(0)) };

	for (int i = 0; i < 4; i++)
		fail_to_bind(socket(AF_INET, SOCK_STREAM, 0), ports[i % 2]);
	tell("findings", "2 address-in-use");
	for (int i = 0; i < 2; i++)
		tell("expect", "holder: listener LISTEN 127.0.0.1:%d pid %d (",
		     ports[i], getpid());
	tell("expect", " again: 1 more time at conflicts+0x");
}

static void be_refused(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect(fd, (const struct sockaddr *)address, sizeof(*address)) ==
	      -1);
	CHECK(errno == ECONNREFUSED && close(fd) == 0);
}

/* No more than of any rule, and the rest is counted as one. */
static void more_addresses_than_are_told(void)
{
	enum { ADDRESSES = 220, TOLD = 100 };
	int fd = listener_on(0);
	int port = port_of(fd);

	CHECK(close(fd) == 0);
	for (int i = 1; i <= ADDRESSES; i++) {
		struct sockaddr_in address = numbered(i, port);

		be_refused(&address);
	}
	tell("findings", "%d connect-refused", TOLD);
	tell("expect", "to 127.0.0.1:%d was refused", port);
	tell("expect", "to 127.0.0.%d:%d was refused", TOLD, port);
	tell("refuse", "to 127.0.0.%d:%d was refused", TOLD + 1, port);
	tell("expect", " again: %d more times at ", ADDRESSES - TOLD);
}

/* ---- two families --------------------------------------------------------- */

/* ::ffff:127.0.0.1 is 127.0.0.1, whoever has it. */
static void mapped_address_is_that_of_ipv4(void)
{
	struct in6_addr mapped = mapped_loopback();
	int holder = socket(AF_INET6, SOCK_STREAM, 0);
	int second = socket(AF_INET6, SOCK_STREAM, 0);
	int port;

	if (holder < 0)
		skip("no IPv6 here");
	set_option(holder, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	set_option(second, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	CHECK(bind_to_six(holder, &mapped, 0) == 0);
	port = port_of(holder);
	CHECK(listen(holder, 1) == 0);
	fail_to_bind(socket(AF_INET, SOCK_STREAM, 0), port);
	tell("expect", "holder: listener LISTEN [::ffff:127.0.0.1]:%d pid %d (",
	     port, getpid());
	port = port_of(listener_on(0));
	CHECK(bind_to_six(second, &mapped, port) == -1);
	CHECK(errno == EADDRINUSE);
	tell("expect", "EADDRINUSE: [::ffff:127.0.0.1]:%d is already in use",
	     port);
	tell("expect", "holder: listener LISTEN 127.0.0.1:%d pid %d (", port,
	     getpid());
	tell("refuse", "holder: dual-stack");
	tell("refuse", "holder: elsewhere");
}

/* The kernel takes it for IPv4 where the address is the wildcard. */
static void address_of_no_family_is_left_unexplained(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind_to(fd, &any) == 0 && listen(fd, 1) == 0);
	any.sin_port = htons((uint16_t)port_of(fd));
	any.sin_family = AF_UNSPEC;
	CHECK(bind_to(socket(AF_INET, SOCK_STREAM, 0), &any) == -1);
	CHECK(errno == EADDRINUSE);
	tell("refuse", "error: bind()");
	tell("refuse", "[reuseaddr-applied]");
}

/* ---- nobody can be asked -------------------------------------------------- */

static void use_up_descriptors(void)
{
	struct rlimit limit = { 64, 64 };

	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	while (dup(0) >= 0)
		;
	CHECK(errno == EMFILE);
}

/* Whoever has no descriptor left cannot ask who holds the port. */
static void holder_that_cannot_be_asked_for_is_not_elsewhere(void)
{
	int port = port_of(listener_on(0));
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	use_up_descriptors();
	fail_to_bind(fd, port);
	tell("expect", "error: bind() = -1 EADDRINUSE: 127.0.0.1:%d", port);
	tell("expect", "who holds it is not known: the kernel could not be "
		       "asked (EMFILE)\n");
	tell("refuse", "holder: elsewhere");
	tell("refuse", "no socket of this network namespace");
	tell("refuse", "ip netns");
}

static void listeners_that_cannot_be_asked_for_are_not_missing(void)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address = numbered(2, port_of(listener_on(0)));
	use_up_descriptors();
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1);
	CHECK(errno == ECONNREFUSED);
	tell("expect", "[connect-refused]");
	tell("refuse", "nobody listens on that port");
	tell("expect", "who listens on that port is not known: the kernel "
		       "could not be asked (EMFILE)\n");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(option_that_does_not_help_is_not_left_set),
	S(option_that_helps_is_told_once_for_a_place),
	S(option_that_bind_saw_may_be_set_again),
	S(udp_port_is_nobodys_business),
	S(option_is_tried_for_ipv6_alone),
	S(owners_beyond_those_shown_are_counted),
	S(holders_beyond_those_shown_are_counted),
	S(listeners_beyond_those_shown_are_counted),
	S(two_busy_ports_at_one_place),
	S(more_addresses_than_are_told),
	S(mapped_address_is_that_of_ipv4),
	S(address_of_no_family_is_left_unexplained),
	S(holder_that_cannot_be_asked_for_is_not_elsewhere),
	S(listeners_that_cannot_be_asked_for_are_not_missing),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
