/*
 * Fast open (RFC 7413): connections that are handed out before their handshake
 * is complete, in SYN_RCVD. In a network namespace, for net.ipv4.tcp_fastopen;
 * without one each scenario ends well at once.
 */
#include "isolated.h"

static void set_option(int fd, int level, int name, int value)
{
	CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

/* Client and server, without a cookie (net.ipv4.tcp_fastopen). */
static void fast_open_for_all(const char *value)
{
	isolate();
	set_ipv4("tcp_fastopen", value);
}

static const char with_the_option[] = "519";
static const char for_every_listener[] = "1543";

/* The client hears nothing: its handshake stays as it is. */
static int begin_fast(int port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	deafen(fd, 0, 0);
	CHECK(sendto(fd, "hello", 5, MSG_FASTOPEN | MSG_DONTWAIT,
		     (struct sockaddr *)&address, sizeof(address)) == 5);
	return fd;
}

static int fast_listener(void)
{
	int fd = listener_on(0);

	set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, 16);
	return fd;
}

static int accept_fast(int listener)
{
	int fd = accept(listener, NULL, NULL);

	CHECK(fd >= 0);
	CHECK(kernel_state(fd) == TCP_SYN_RECV);
	tell("expect", "LISTEN -> SYN_RCVD: accept() = %d, SYN received", fd);
	return fd;
}

static void finish_handshake(int client, int server)
{
	hear(client);
	wait_state(server, TCP_ESTABLISHED);
}

static void read_hello(int fd)
{
	char text[8];

	CHECK(read(fd, text, sizeof(text)) == 5);
	CHECK(memcmp(text, "hello", 5) == 0);
}

/* A client whose data has come, and which the handshake's end still waits for. */
struct fast {
	int client;
	int server;
};

static void make_fast(struct fast *fast)
{
	int listener;

	fast_open_for_all(with_the_option);
	listener = fast_listener();
	fast->client = begin_fast(port_of(listener));
	fast->server = accept_fast(listener);
}

static void fast_child_is_in_syn_rcvd(void)
{
	struct fast fast;

	make_fast(&fast);
	read_hello(fast.server);
	CHECK(kernel_state(fast.server) == TCP_SYN_RECV);
	finish_handshake(fast.client, fast.server);
	CHECK(write(fast.server, "x", 1) == 1);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", fast.server);
}

static void fast_child_without_the_option(void)
{
	int listener;
	int client;
	int server;

	fast_open_for_all(for_every_listener);
	listener = listener_on(0);
	client = begin_fast(port_of(listener));
	server = accept_fast(listener);
	finish_handshake(client, server);
	read_hello(server);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", server);
}

/* The option counts from the next connection on, either way. */
static void option_set_and_unset_after_listen(void)
{
	int servers[3];
	int listener;
	int client;

	fast_open_for_all(with_the_option);
	listener = listener_on(0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(client, port_of(listener)) == 0);
	servers[0] = accept(listener, NULL, NULL);
	set_option(listener, IPPROTO_TCP, TCP_FASTOPEN, 16);
	client = begin_fast(port_of(listener));
	servers[1] = accept_fast(listener);
	set_option(listener, IPPROTO_TCP, TCP_FASTOPEN, 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(client, port_of(listener)) == 0);
	servers[2] = accept(listener, NULL, NULL);
	CHECK(kernel_state(servers[1]) == TCP_SYN_RECV);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", servers[0]);
	tell("path", "%d LISTEN>SYN_RCVD", servers[1]);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", servers[2]);
}

/* The listener is asked once. */
static void second_fast_child_of_a_listener(void)
{
	int listener;

	fast_open_for_all(with_the_option);
	listener = fast_listener();
	for (int i = 0; i < 2; i++) {
		begin_fast(port_of(listener));
		tell("path", "%d LISTEN>SYN_RCVD", accept_fast(listener));
	}
}

/* Its handshake is over, and the client has closed, when it is accepted. */
static void fast_child_that_comes_late(void)
{
	struct sockaddr_in address;
	int listener;
	int client;
	int server;

	fast_open_for_all(with_the_option);
	listener = fast_listener();
	address = loopback(port_of(listener));
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(sendto(client, "hello", 5, MSG_FASTOPEN,
		     (struct sockaddr *)&address, sizeof(address)) == 5);
	wait_state(client, TCP_ESTABLISHED);
	CHECK(shutdown(client, SHUT_WR) == 0);
	wait_state(client, TCP_FIN_WAIT2);
	server = accept(listener, NULL, NULL);
	tell("expect", "SYN_RCVD -> ESTABLISHED: accept() = %d", server);
	tell("expect",
	     "ESTABLISHED -> CLOSE_WAIT: the peer has closed (kernel, seen at "
	     "accept())");
	CHECK(kernel_state(server) == TCP_CLOSE_WAIT);
	read_hello(server);
	CHECK(close(server) == 0);
	tell("path",
	     "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED",
	     server);
}

/*
 * The kernel sends the FIN at once, or (since Linux 6.9) when the handshake is
 * complete.
 */
static void shutdown_in_syn_rcvd(void)
{
	struct fast fast;
	bool at_once;

	make_fast(&fast);
	CHECK(shutdown(fast.server, SHUT_RD) == 0);
	CHECK(kernel_state(fast.server) == TCP_SYN_RECV);
	CHECK(shutdown(fast.server, SHUT_WR) == 0);
	at_once = kernel_state(fast.server) == TCP_FIN_WAIT1;
	CHECK(at_once || kernel_state(fast.server) == TCP_SYN_RECV);
	hear(fast.client);
	wait_state(fast.client, TCP_CLOSE_WAIT);
	wait_state(fast.server, TCP_FIN_WAIT2);
	tell("path", "%d LISTEN>SYN_RCVD>%sFIN_WAIT_1>FIN_WAIT_2", fast.server,
	     at_once ? "" : "ESTABLISHED>");
}

static void close_in_syn_rcvd(void)
{
	struct fast fast;

	make_fast(&fast);
	read_hello(fast.server);
	CHECK(close(fast.server) == 0);
	hear(fast.client);
	wait_state(fast.client, TCP_CLOSE_WAIT);
	tell("expect", "SYN_RCVD -> FIN_WAIT_1: close() = 0, FIN sent");
}

static void close_in_syn_rcvd_with_unread_data(void)
{
	struct fast fast;

	make_fast(&fast);
	CHECK(close(fast.server) == 0);
	tell("expect",
	     "SYN_RCVD -> CLOSED: close() = 0, 5 bytes were unread: RST sent");
	tell("expect", "[reset-on-close]");
}

/* Its peer is known once there is one, and so is its end. */
static void fast_client_that_does_not_wait(void)
{
	struct sockaddr_in address;
	int listener;
	int client;
	int server;

	fast_open_for_all(with_the_option);
	listener = fast_listener();
	address = loopback(port_of(listener));
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(sendto(client, "hello", 5, MSG_FASTOPEN | MSG_DONTWAIT,
		     (struct sockaddr *)&address, sizeof(address)) == 5);
	wait_state(client, TCP_ESTABLISHED);
	server = accept(listener, NULL, NULL);
	read_hello(server);
	CHECK(close(server) == 0);
	wait_state(client, TCP_CLOSE_WAIT);
	tell("expect", "127.0.0.1:%d -> 127.0.0.1:%d ", port_of(client),
	     port_of(listener));
	CHECK(close(client) == 0);
	tell("path",
	     "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED",
	     client);
	tell("refuse", "likely");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(fast_child_is_in_syn_rcvd),
	S(fast_child_without_the_option),
	S(option_set_and_unset_after_listen),
	S(second_fast_child_of_a_listener),
	S(fast_child_that_comes_late),
	S(shutdown_in_syn_rcvd),
	S(close_in_syn_rcvd),
	S(close_in_syn_rcvd_with_unread_data),
	S(fast_client_that_does_not_wait),
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
