/*
 * "Address already in use" where much is to be told, little, or nothing:
 * holders and owners beyond those that are shown, addresses of two families,
 * no port left. What the log must say is told here. Scenarios that need a
 * privilege end well without it.
 */
#include <sys/resource.h>

#include "isolated.h"

static void set_option(int fd, int level, int name, int value)
{
	CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

static int get_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	CHECK(getsockopt(fd, level, name, &value, &length) == 0);
	return value;
}

/* 127.0.0.LAST */
static struct sockaddr_in numbered(int last, int port)
{
	struct sockaddr_in address = loopback(port);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)last);
	return address;
}

static int bind_to(int fd, const struct sockaddr_in *address)
{
	return bind(fd, (const struct sockaddr *)address, sizeof(*address));
}

static int bind_to_six(int fd, const struct in6_addr *address, int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port),
				    .sin6_addr = *address };

	return bind(fd, (struct sockaddr *)&six, sizeof(six));
}

static struct in6_addr mapped_loopback(void)
{
	return (struct in6_addr){
		.s6_addr = { [10] = 255, [11] = 255, [12] = 127, [15] = 1 }
	};
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
	tell("refuse", "EADDRINUSE");
	tell("refuse", "[reuseaddr-applied]");
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
		return;
	CHECK(bind_to(four, &any) == 0 && listen(four, 1) == 0);
	port = port_of(four);
	set_option(held, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set_option(held, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind_to_six(held, &in6addr_any, port) < 0)
		return;
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

/* ---- two families --------------------------------------------------------- */

/* ::ffff:127.0.0.1 is 127.0.0.1, whoever has it. */
static void mapped_address_is_that_of_ipv4(void)
{
	struct in6_addr mapped = mapped_loopback();
	int holder = socket(AF_INET6, SOCK_STREAM, 0);
	int second = socket(AF_INET6, SOCK_STREAM, 0);
	int port;

	if (holder < 0)
		return;
	set_option(holder, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	set_option(second, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind_to_six(holder, &mapped, 0) < 0)
		return;
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

/* ---- no port left --------------------------------------------------------- */

enum { LOW = 40000, PORTS = 4 };

static bool few_ports(void)
{
	if (!isolated())
		return false;
	set_ipv4("ip_local_port_range", "40000 40003");
	return true;
}

static void take_all_ports(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };

	for (int i = 0; i < PORTS; i++)
		CHECK(bind_to(socket(AF_INET, SOCK_STREAM, 0), &any) == 0);
}

static void expect_none_left(const char *call, int fd)
{
	tell("expect", "%s() = -1 EADDRINUSE: no port is left for fd %d", call,
	     fd);
	tell("expect", "net.ipv4.ip_local_port_range is %d to %d: %d ports\n",
	     LOW, LOW + PORTS - 1, PORTS);
	tell("expect", "[ephemeral-exhausted]");
	tell("refuse", "[address-in-use]");
}

static void no_port_left_to_bind_to(void)
{
	struct sockaddr_in any = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (!few_ports())
		return;
	CHECK(close(fd) == 0);
	take_all_ports();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind_to(fd, &any) == -1 && errno == EADDRINUSE);
	expect_none_left("bind", fd);
	tell("expect", "set IP_BIND_ADDRESS_NO_PORT before bind()");
	tell("refuse", "[reuseaddr-applied]");
}

static void no_port_left_to_listen_on(void)
{
	int fd;

	if (!few_ports())
		return;
	take_all_ports();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(listen(fd, 1) == -1 && errno == EADDRINUSE);
	expect_none_left("listen", fd);
	tell("refuse", "IP_BIND_ADDRESS_NO_PORT");
	tell("expect", "listen() without bind() takes a port");
}

static int connect_from(int family, const struct sockaddr_in *peer)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = peer->sin_port,
				    .sin6_addr = mapped_loopback() };
	int fd = socket(family, SOCK_STREAM, 0);
	int result;

	if (family == AF_INET)
		result = connect(fd, (const struct sockaddr *)peer,
				 sizeof(*peer));
	else
		result = connect(fd, (struct sockaddr *)&six, sizeof(six));
	return result < 0 ? -1 : fd;
}

/* Of connections to two addresses those to the other one do not count. */
static void ports_taken_toward_another_address(void)
{
	struct sockaddr_in here = loopback(7000);
	struct sockaddr_in there = numbered(2, 7000);
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_port = htons(7000) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (!few_ports())
		return;
	CHECK(close(listener) == 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind_to(listener, &any) == 0 && listen(listener, 64) == 0);
	for (int i = 0; i < PORTS; i++)
		CHECK(connect_from(AF_INET, &there) >= 0);
	for (int i = 0; i < PORTS; i++)
		CHECK(connect_from(AF_INET, &here) >= 0);
	CHECK(connect_from(AF_INET, &here) == -1 && errno == EADDRNOTAVAIL);
	tell("expect", "no port is left for fd ");
	tell("expect", "%d are taken toward this destination\n", PORTS);
	tell("expect", "%d of them in ESTABLISHED\n", PORTS);
}

static int connect_bound(const struct sockaddr_in *own,
			 const struct sockaddr_in *peer)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	CHECK(bind_to(fd, own) == 0);
	return connect(fd, (const struct sockaddr *)peer, sizeof(*peer));
}

/* Each local address has all ports: those of the other one do not count. */
static void ports_taken_from_another_address(void)
{
	struct sockaddr_in here = loopback(7000);
	struct sockaddr_in own = numbered(5, 0);
	int listener;

	if (!few_ports())
		return;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind_to(listener, &here) == 0 && listen(listener, 64) == 0);
	for (int i = 0; i < PORTS; i++) {
		CHECK(connect_from(AF_INET, &here) >= 0);
		CHECK(connect_bound(&own, &here) == 0);
	}
	CHECK(connect_from(AF_INET, &here) == -1 && errno == EADDRNOTAVAIL);
	CHECK(connect_bound(&own, &here) == -1 && errno == EADDRNOTAVAIL);
	tell("findings", "2 ephemeral-exhausted");
	tell("expect", "%d are taken toward this destination\n", PORTS);
	tell("expect", "%d of them in ESTABLISHED\n", PORTS);
	tell("refuse", "%d are taken toward this destination\n", 2 * PORTS);
}

/* One destination, however its address is written. */
static void ports_taken_by_sockets_of_both_families(void)
{
	struct sockaddr_in here = loopback(7000);
	int listener;

	if (!few_ports())
		return;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind_to(listener, &here) == 0 && listen(listener, 64) == 0);
	for (int i = 0; i < PORTS; i++)
		CHECK(connect_from(AF_INET, &here) >= 0);
	CHECK(connect_from(AF_INET6, &here) == -1 && errno == EADDRNOTAVAIL);
	tell("expect", "no port is left for fd ");
	tell("expect", "%d are taken toward this destination\n", PORTS);
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
	S(mapped_address_is_that_of_ipv4),
	S(address_of_no_family_is_left_unexplained),
	S(holder_that_cannot_be_asked_for_is_not_elsewhere),
	S(listeners_that_cannot_be_asked_for_are_not_missing),
	S(no_port_left_to_bind_to),
	S(no_port_left_to_listen_on),
	S(ports_taken_toward_another_address),
	S(ports_taken_from_another_address),
	S(ports_taken_by_sockets_of_both_families),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
