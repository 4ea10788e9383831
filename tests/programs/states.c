/* build: -pthread */
/*
 * Every state of the diagram, brought about on loopback, with the path that the
 * log has to show. Where a state passes too quickly the peer is deafened (a
 * socket filter drops what it receives), which needs CAP_NET_ADMIN.
 */
#include "pair.h"

static char buffer[65536];

static void no_signal(void)
{
	signal(SIGPIPE, SIG_IGN);
}

/* --- opening --------------------------------------------------------------- */

static void listen_on_a_bound_socket(void)
{
	int fd = listener_on(0);

	CHECK(kernel_state(fd) == TCP_LISTEN);
	tell("path", "%d CLOSED>LISTEN", fd);
}

static void listen_on_an_unbound_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(listen(fd, 1) == 0);
	CHECK(kernel_state(fd) == TCP_LISTEN);
	tell("path", "%d CLOSED>LISTEN", fd);
	tell("expect", "fd %d 0.0.0.0:%d -- - CLOSED -> LISTEN", fd,
	     port_of(fd));
}

static void shutdown_of_a_listener_and_listen_again(void)
{
	int fd = listener_on(0);

	CHECK(shutdown(fd, SHUT_WR) == 0);
	CHECK(kernel_state(fd) == TCP_LISTEN);
	CHECK(shutdown(fd, SHUT_RD) == 0);
	CHECK(kernel_state(fd) == TCP_CLOSE);
	CHECK(listen(fd, 1) == 0);
	tell("path", "%d CLOSED>LISTEN>CLOSED>LISTEN", fd);
}

static void disconnect_of_a_listener(void)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	int fd = listener_on(0);

	CHECK(connect(fd, &nobody, sizeof(nobody)) == 0);
	CHECK(kernel_state(fd) == TCP_CLOSE);
	tell("path", "%d CLOSED>LISTEN>CLOSED", fd);
}

/* Two sockets with SO_REUSEADDR may bind one port; only one may listen. */
static void listen_where_another_one_listens(void)
{
	struct sockaddr_in address = loopback(0);
	int fds[2];
	int on = 1;

	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &on,
				 sizeof(on)) == 0);
		CHECK(bind(fds[i], (struct sockaddr *)&address,
			   sizeof(address)) == 0);
		address = loopback(port_of(fds[0]));
	}
	CHECK(listen(fds[0], 1) == 0);
	CHECK(listen(fds[1], 1) == -1 && errno == EADDRINUSE);
	tell("expect",
	     "error: listen() = -1 EADDRINUSE: 127.0.0.1:%d is "
	     "already in use [address-in-use]",
	     port_of(fds[0]));
	tell("expect",
	     "holder: listener LISTEN 127.0.0.1:%d pid %d (states) "
	     "fd %d",
	     port_of(fds[0]), getpid(), fds[0]);
}

static void blocking_connect(void)
{
	struct pair pair = make_pair();

	CHECK(kernel_state(pair.client) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", pair.server);
}

static int closed_port(void)
{
	int fd = listener_on(0);
	int port = port_of(fd);

	CHECK(close(fd) == 0);
	return port;
}

static void refused_connect_then_another(void)
{
	int listener = listener_on(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect_to(fd, closed_port()) == -1 && errno == ECONNREFUSED);
	CHECK(connect_to(fd, port_of(listener)) == 0);
	CHECK(kernel_state(fd) == TCP_ESTABLISHED);
	tell("expect", "SYN_SENT -> CLOSED: connect() = -1 ECONNREFUSED, "
		       "refused by the peer");
	tell("expect", "[connect-refused]");
}

static void refused_connect_without_blocking(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int error = 0;
	socklen_t length = sizeof(error);

	CHECK(connect_to(fd, closed_port()) == -1 && errno == EINPROGRESS);
	wait_events(fd, POLLOUT);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
	CHECK(error == ECONNREFUSED);
	tell("expect", "SYN_SENT -> CLOSED: getsockopt() = 0, refused by the "
		       "peer");
}

static void refused_connect_asked_by_a_second_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int port = closed_port();

	CHECK(connect_to(fd, port) == -1 && errno == EINPROGRESS);
	wait_events(fd, POLLOUT);
	CHECK(connect_to(fd, port) == -1 && errno == ECONNREFUSED);
	tell("expect", "SYN_SENT -> CLOSED: connect() = -1 ECONNREFUSED");
	tell("path", "%d CLOSED>SYN_SENT>CLOSED", fd);
}

/* A listener that hears nothing answers nothing. */
static int deaf_listener(void)
{
	int fd = listener_on(0);

	deafen(fd, 0, 0);
	return fd;
}

static void connect_that_times_out(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	unsigned int limit = 300;

	CHECK(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit,
			 sizeof(limit)) == 0);
	CHECK(connect_to(fd, port_of(deaf_listener())) == -1);
	CHECK(errno == ETIMEDOUT);
	tell("expect", "SYN_SENT -> CLOSED: connect() = -1 ETIMEDOUT, no "
		       "answer");
}

static void close_in_syn_sent(void)
{
	int listener = deaf_listener();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	CHECK(connect_to(fd, port_of(listener)) == -1);
	CHECK(kernel_state(fd) == TCP_SYN_SENT);
	CHECK(close(fd) == 0);
	tell("path", "%d CLOSED>SYN_SENT>CLOSED", fd);
}

static void shutdown_in_syn_sent(void)
{
	int listener = deaf_listener();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	CHECK(connect_to(fd, port_of(listener)) == -1);
	CHECK(shutdown(fd, SHUT_RDWR) == 0);
	CHECK(kernel_state(fd) == TCP_CLOSE);
	tell("path", "%d CLOSED>SYN_SENT>CLOSED", fd);
}

static void disconnect_then_connect_again(void)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct pair pair = make_pair();

	CHECK(connect(pair.client, &nobody, sizeof(nobody)) == 0);
	CHECK(kernel_state(pair.client) == TCP_CLOSE);
	CHECK(connect_to(pair.client, port_of(pair.listener)) == 0);
	tell("path",
	     "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED>SYN_SENT>"
	     "ESTABLISHED",
	     pair.client);
	CHECK(read(pair.server, buffer, 1) == -1 && errno == ECONNRESET);
	tell("expect", "ESTABLISHED -> CLOSED: read() = -1 ECONNRESET, reset "
		       "by the peer");
}

/* A sends to nobody, B answers: both have sent a SYN. */
static void simultaneous_open(void)
{
	int a = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int b = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = loopback(0);
	int error;
	socklen_t length = sizeof(error);

	CHECK(bind(a, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(bind(b, (struct sockaddr *)&address, sizeof(address)) == 0);
	deafen(a, 4, 4); /* the reset for its first SYN */
	deafen(b, 0, 0);
	CHECK(connect_to(a, port_of(b)) == -1 && errno == EINPROGRESS);
	CHECK(connect_to(b, port_of(a)) == -1 && errno == EINPROGRESS);
	wait_state(a, TCP_SYN_RECV);
	CHECK(getsockopt(a, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
	tell("expect", "fd %d ", a);
	tell("expect", "SYN_SENT -> SYN_RCVD: simultaneous open");
	hear(a);
	hear(b);
	wait_state(a, TCP_ESTABLISHED);
	CHECK(write(a, "x", 1) == 1);
	tell("path", "%d CLOSED>SYN_SENT>SYN_RCVD>ESTABLISHED", a);
}

static void connection_with_itself(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = loopback(0);

	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(connect_to(fd, port_of(fd)) == 0);
	CHECK(shutdown(fd, SHUT_WR) == 0);
	wait_events(fd, POLLHUP);
	CHECK(read(fd, buffer, 1) == 0);
	tell("path",
	     "%d CLOSED>SYN_SENT>SYN_RCVD>ESTABLISHED>FIN_WAIT_1>"
	     "CLOSING>TIME_WAIT",
	     fd);
}

/* --- fast open -------------------------------------------------------------- */

static void fast_open_by_sendto(void)
{
	int listener = listener_on(0);
	struct sockaddr_in address = loopback(port_of(listener));
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(sendto(fd, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&address,
		     sizeof(address)) == 5);
	CHECK(kernel_state(fd) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", fd);
	tell("expect", "127.0.0.1:%d -> 127.0.0.1:%d CLOSED -> SYN_SENT",
	     port_of(fd), port_of(listener));
}

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

static void fast_open_by_connect(void)
{
	int listener = listener_on(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	CHECK(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on,
			 sizeof(on)) == 0);
	CHECK(connect_to(fd, port_of(listener)) == 0);
	CHECK(write(fd, "hello", 5) == 5);
	CHECK(kernel_state(fd) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", fd);
}

/* --- closing ---------------------------------------------------------------- */

static void client_closes_first(void)
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	wait_events(pair.server, POLLRDHUP);
	CHECK(read(pair.server, buffer, 1) == 0);
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLHUP);
	CHECK(read(pair.client, buffer, 1) == 0);
	tell("path",
	     "%d CLOSED>SYN_SENT>ESTABLISHED>FIN_WAIT_1>FIN_WAIT_2>"
	     "TIME_WAIT",
	     pair.client);
	tell("path",
	     "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED",
	     pair.server);
}

static void server_closes_first(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLRDHUP);
	CHECK(read(pair.client, buffer, 1) == 0);
	CHECK(close(pair.client) == 0);
	tell("path",
	     "%d LISTEN>SYN_RCVD>ESTABLISHED>FIN_WAIT_1>FIN_WAIT_2>"
	     "TIME_WAIT",
	     pair.server);
	tell("path",
	     "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED",
	     pair.client);
}

static void half_close_that_is_honoured(void)
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	wait_events(pair.server, POLLRDHUP);
	CHECK(read(pair.server, buffer, 1) == 0);
	CHECK(write(pair.server, "still here", 10) == 10);
	CHECK(write(pair.server, "still here", 10) == 10);
	wait_events(pair.client, POLLIN);
	CHECK(read(pair.client, buffer, sizeof(buffer)) > 0);
	CHECK(close(pair.server) == 0);
	while (read(pair.client, buffer, sizeof(buffer)) > 0)
		;
	tell("refuse", "[write-after-peer-close]");
	tell("refuse", "error:");
	tell("path",
	     "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED",
	     pair.server);
}

static void shutdown_of_reading_moves_nothing(void)
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.client, SHUT_RD) == 0);
	CHECK(read(pair.client, buffer, 1) == 0);
	CHECK(kernel_state(pair.client) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
}

static void fin_wait_1_while_the_peer_is_deaf(void)
{
	struct pair pair = make_pair();

	deafen(pair.server, 0, 0);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(kernel_state(pair.client) == TCP_FIN_WAIT1);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>FIN_WAIT_1", pair.client);
}

static void last_ack_while_the_peer_is_deaf(void)
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	wait_state(pair.client, TCP_FIN_WAIT2);
	deafen(pair.client, 0, 0);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	CHECK(kernel_state(pair.server) == TCP_LAST_ACK);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT>LAST_ACK",
	     pair.server);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>FIN_WAIT_1>FIN_WAIT_2",
	     pair.client);
}

static void both_close_at_once(void)
{
	struct pair pair = make_pair();

	deafen(pair.client, 0, 0);
	deafen(pair.server, 0, 0);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	/* Hears the server's FIN; the answer is not heard. */
	hear(pair.client);
	wait_state(pair.client, TCP_CLOSING);
	CHECK(read(pair.client, buffer, 1) == 0);
	tell("expect", "FIN_WAIT_1 -> CLOSING: both closed at once");
	hear(pair.server);
	wait_state(pair.client, TCP_CLOSE);
	CHECK(read(pair.client, buffer, 1) == 0);
	tell("path",
	     "%d CLOSED>SYN_SENT>ESTABLISHED>FIN_WAIT_1>CLOSING>"
	     "TIME_WAIT",
	     pair.client);
}

/* --- resets ----------------------------------------------------------------- */

static void reset_by_the_peer_is_read(void)
{
	struct pair pair = make_pair();

	reset(pair.server);
	wait_events(pair.client, POLLERR);
	CHECK(read(pair.client, buffer, 1) == -1 && errno == ECONNRESET);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED", pair.client);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSED", pair.server);
	tell("expect", "ESTABLISHED -> CLOSED: read() = -1 ECONNRESET, reset "
		       "by the peer");
	tell("expect", "ESTABLISHED -> CLOSED: close() = 0, RST sent");
}

static void close_with_unread_data(void)
{
	struct pair pair = make_pair();

	CHECK(write(pair.client, "unread", 6) == 6);
	wait_events(pair.server, POLLIN);
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLERR);
	tell("expect", "ESTABLISHED -> CLOSED: close() = 0, 6 bytes were "
		       "unread: RST sent");
	tell("expect", "[reset-on-close]");
}

static void write_after_the_peer_closed(void)
{
	struct pair pair = make_pair();

	no_signal();
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLRDHUP);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.client, POLLERR);
	CHECK(write(pair.client, "y", 1) == -1 && errno == EPIPE);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
	     pair.client);
	tell("expect", "[write-after-peer-close]");
}

static void write_after_own_shutdown(void)
{
	struct pair pair = make_pair();

	no_signal();
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	CHECK(write(pair.client, "x", 1) == -1 && errno == EPIPE);
	tell("refuse", "[write-after-peer-close]");
}

static void close_of_a_listener_with_a_connection_waiting(void)
{
	int listener = listener_on(0);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect_to(client, port_of(listener)) == 0);
	CHECK(close(listener) == 0);
	CHECK(read(client, buffer, 1) == -1 && errno == ECONNRESET);
	tell("path", "%d CLOSED>LISTEN>CLOSED", listener);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED", client);
}

static void accept_of_a_connection_already_closed(void)
{
	int listener = listener_on(0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int server;

	CHECK(connect_to(client, port_of(listener)) == 0);
	CHECK(shutdown(client, SHUT_WR) == 0);
	wait_state(client, TCP_FIN_WAIT2);
	server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSE_WAIT", server);
}

/* --- other families --------------------------------------------------------- */

static void ipv6_and_mapped_ipv4(void)
{
	int listener = socket(AF_INET6, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	socklen_t length = sizeof(address);
	int server;

	CHECK(bind(listener, (struct sockaddr *)&address, length) == 0);
	CHECK(listen(listener, 1) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	CHECK(connect_to(client, ntohs(address.sin6_port)) == 0);
	server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	tell("expect", "fd %d [::ffff:127.0.0.1]:%d <- [::ffff:127.0.0.1]:%d ",
	     server, ntohs(address.sin6_port), port_of(client));
	CHECK(close(server) == 0);
	CHECK(read(client, buffer, 1) == 0);
	CHECK(close(client) == 0);
	tell("path",
	     "%d LISTEN>SYN_RCVD>ESTABLISHED>FIN_WAIT_1>FIN_WAIT_2>"
	     "TIME_WAIT",
	     server);
}

static void mptcp_is_named_a_blind_spot(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 262);

	if (fd < 0) {
		CHECK(errno == EPROTONOSUPPORT || errno == ENOPROTOOPT);
		skip("no MPTCP here");
	}
	tell("expect", "[blind-spot]");
	tell("refuse", " -> LISTEN");
}

static void udp_and_unix_pass_unnoticed(void)
{
	struct sockaddr_in address = loopback(9);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(connect(udp, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(write(udp, "x", 1) == 1);
	close(udp);
	tell("silent", "none of it is TCP");
}

/* 65536 descriptors and more: the table's upper part. */
static void descriptor_above_65535(void)
{
	struct pair pair = make_pair();
	int high;

	need_descriptors(70100);
	high = fcntl(pair.client, F_DUPFD, 70000);
	CHECK(high >= 70000);
	CHECK(close(pair.client) == 0);
	CHECK(close(high) == 0);
	tell("expect", "fd %d 127.0.0.1", high);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(listen_on_a_bound_socket),
	S(listen_on_an_unbound_socket),
	S(shutdown_of_a_listener_and_listen_again),
	S(disconnect_of_a_listener),
	S(listen_where_another_one_listens),
	S(blocking_connect),
	S(refused_connect_then_another),
	S(refused_connect_without_blocking),
	S(refused_connect_asked_by_a_second_connect),
	S(connect_that_times_out),
	S(close_in_syn_sent),
	S(shutdown_in_syn_sent),
	S(disconnect_then_connect_again),
	S(simultaneous_open),
	S(connection_with_itself),
	S(fast_open_by_sendto),
	S(fast_open_by_connect),
	S(client_closes_first),
	S(server_closes_first),
	S(half_close_that_is_honoured),
	S(shutdown_of_reading_moves_nothing),
	S(fin_wait_1_while_the_peer_is_deaf),
	S(last_ack_while_the_peer_is_deaf),
	S(both_close_at_once),
	S(reset_by_the_peer_is_read),
	S(close_with_unread_data),
	S(write_after_the_peer_closed),
	S(write_after_own_shutdown),
	S(close_of_a_listener_with_a_connection_waiting),
	S(accept_of_a_connection_already_closed),
	S(ipv6_and_mapped_ipv4),
	S(mptcp_is_named_a_blind_spot),
	S(udp_and_unix_pass_unnoticed),
	S(descriptor_above_65535),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
