/*
 * Whose is the port of a connection: the client's own, chosen by the kernel, or
 * that of a server that is gone? Both ends have ports of the ephemeral range
 * here, or the wrong one of them has, so that the numbers alone mislead. Needs
 * a network namespace of its own: what cannot have one ends well.
 */
#include "isolated.h"

enum { SERVICE = 40051, BELOW = 1001 };

static void prepare(void)
{
	isolate();
	set_ipv4("ip_local_port_range", "40000 41000");
}

static int client_from(int port, int service)
{
	struct sockaddr_in own = loopback(port);
	struct sockaddr_in peer = loopback(service);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(port == 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
	CHECK(connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0);
	return fd;
}

static struct pair pair_from(int port, int service)
{
	struct pair pair = { .listener = listener_on(service) };

	pair.client = client_from(port, service);
	pair.server = accept(pair.listener, NULL, NULL);
	CHECK(pair.server >= 0);
	return pair;
}

/* The first ends in TIME_WAIT. */
static void end(int first, int second)
{
	char byte;

	CHECK(close(first) == 0 && read(second, &byte, 1) == 0);
	CHECK(close(second) == 0);
}

static void fail_to_bind(int port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1);
	CHECK(errno == EADDRINUSE);
}

static void expect_source(const char *state, int port)
{
	tell("expect", "holder: ephemeral %s 127.0.0.1:%d 127.0.0.1:", state,
	     port);
	tell("expect", "help: the port is another connection's source port");
}

static void source_port_toward_a_high_service(void)
{
	struct pair pair;
	int port;

	prepare();
	pair = pair_from(0, SERVICE);
	port = port_of(pair.client);
	/* There is nobody to ask but the table of descriptors. */
	CHECK(close(pair.listener) == 0);
	fail_to_bind(port);
	expect_source("ESTABLISHED", port);
}

static void source_port_that_the_program_has_closed(void)
{
	struct pair pair;
	int port;

	prepare();
	pair = pair_from(0, SERVICE);
	port = port_of(pair.client);
	CHECK(close(pair.listener) == 0);
	end(pair.client, pair.server);
	fail_to_bind(port);
	expect_source("TIME_WAIT", port);
	tell("expect", "  made by:\n");
}

/* The kernel knows that the peer's port is a listener's. */
static void source_port_of_another_process(void)
{
	int ports[2];
	int port;
	pid_t child;
	int listener;

	prepare();
	listener = listener_on(SERVICE);
	CHECK(pipe(ports) == 0);
	child = fork();
	if (child == 0) {
		int own = port_of(client_from(0, SERVICE));

		CHECK(close(listener) == 0);
		CHECK(write(ports[1], &own, sizeof(own)) == sizeof(own));
		pause();
	}
	CHECK(read(ports[0], &port, sizeof(port)) == sizeof(port));
	fail_to_bind(port);
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	expect_source("ESTABLISHED", port);
}

static void server_whose_client_had_a_low_port(void)
{
	struct pair pair;

	prepare();
	pair = pair_from(BELOW, SERVICE);
	CHECK(close(pair.listener) == 0);
	fail_to_bind(SERVICE);
	tell("expect", "holder: connection ESTABLISHED 127.0.0.1:%d ", SERVICE);
	end(pair.server, pair.client);
	fail_to_bind(SERVICE);
	tell("expect", "holder: time-wait TIME_WAIT 127.0.0.1:%d 127.0.0.1:%d ",
	     SERVICE, BELOW);
	tell("expect", "  accepted by:\n");
	tell("refuse", "holder: ephemeral");
}

static void server_among_high_ports(void)
{
	struct pair pair;

	prepare();
	pair = pair_from(0, SERVICE);
	CHECK(close(pair.listener) == 0);
	end(pair.server, pair.client);
	fail_to_bind(SERVICE);
	tell("expect", "holder: time-wait TIME_WAIT 127.0.0.1:%d ", SERVICE);
	tell("refuse", "holder: ephemeral");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(source_port_toward_a_high_service),
	S(source_port_that_the_program_has_closed),
	S(source_port_of_another_process),
	S(server_whose_client_had_a_low_port),
	S(server_among_high_ports),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
