/*
 * No port is left, for a bind, a listen or a connection. Needs a network
 * namespace of its own, with few ports: what cannot have one ends well.
 */
#include "addresses.h"
#include "isolated.h"

enum { LOW = 40000, PORTS = 4 };

static void few_ports(void)
{
	isolate();
	set_ipv4("ip_local_port_range", "40000 40003");
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

	few_ports();
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

	few_ports();
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

	few_ports();
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

	few_ports();
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

	few_ports();
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
