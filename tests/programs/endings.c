/* build: -pthread */
/*
 * How connections end that nobody looks at while they end: between two calls,
 * in another process, after their close. Each scenario tells the way that the
 * kernel went.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "isolated.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* The listening side closes first, and the next one has the same two ports. */
static void connect_from(int listener, int port)
{
	struct sockaddr_in from = loopback(port);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int server;
	char byte;
	int on = 1;

	CHECK(setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ==
	      0);
	CHECK(bind(client, (struct sockaddr *)&from, sizeof(from)) == 0);
	CHECK(connect_to(client, port_of(listener)) == 0);
	server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	CHECK(close(server) == 0);
	CHECK(read(client, &byte, 1) == 0);
	CHECK(close(client) == 0);
}

static void ports_that_are_used_again(void)
{
	int listener;
	int free_one;
	int port;

	isolate();
	listener = listener_on(0);
	free_one = listener_on(0);
	port = port_of(free_one);
	CHECK(close(free_one) == 0);
	for (int i = 0; i < 3; i++) {
		connect_from(listener, port);
		/* A newer one is let in once its timestamps are newer. */
		poll(NULL, 0, 20);
	}
	tell("expect", "FIN_WAIT_2 -> TIME_WAIT: the peer has closed too");
	tell("expect",
	     "TIME_WAIT -> CLOSED: its ports went to a newer connection");
	tell("refuse", "reset");
}

/* They are free at once: that the next one has them proves no TIME_WAIT. */
static void ports_that_a_reset_sets_free(void)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	struct pair pair;
	int client;
	int on = 1;

	isolate();
	pair = make_pair();
	CHECK(getsockname(pair.client, (struct sockaddr *)&from, &length) == 0);
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLIN);
	CHECK(send(pair.client, "x", 1, MSG_NOSIGNAL) == 1);
	wait_events(pair.client, 0);
	CHECK(close(pair.client) == 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ==
	      0);
	CHECK(bind(client, (struct sockaddr *)&from, sizeof(from)) == 0);
	CHECK(connect_to(client, port_of(pair.listener)) == 0);
	CHECK(accept(pair.listener, NULL, NULL) >= 0);
	tell("expect", "TIME_WAIT -> CLOSED: its ports went to a newer "
		       "connection, likely");
}

/* What it writes is answered by a reset, of which its own end says nothing. */
static void peer_that_writes_after_the_close(void)
{
	struct pair pair = make_pair();
	int port = port_of(pair.client);

	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLIN);
	CHECK(write(pair.client, "x", 1) == 1);
	wait_state_between(port, port_of(pair.listener), 0);
	tell("expect", "-> CLOSED: reset by the peer, or because it went on "
		       "sending, likely (kernel, seen at exit)");
}

static void no_way_to_the_peer(void)
{
	struct sockaddr_in there = { .sin_family = AF_INET,
				     .sin_port = htons(9),
				     .sin_addr = { htonl(0xc0000201) } };
	int fd;

	isolate();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(fd, (struct sockaddr *)&there, sizeof(there)) == -1);
	CHECK(errno == ENETUNREACH || errno == EHOSTUNREACH);
	tell("silent", "no SYN is sent");
}

static void end_by_linger(struct pair *pair)
{
	char byte;

	CHECK(close(pair->server) == 0);
	CHECK(read(pair->client, &byte, 1) == -1 && errno == ECONNRESET);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>CLOSED", pair->server);
	tell("expect", "ESTABLISHED -> CLOSED: close() = 0, RST sent");
	tell("expect", "[linger-reset]");
}

static void linger_set_by_a_child(void)
{
	struct pair pair = make_pair();
	struct linger linger = { .l_onoff = 1 };
	pid_t child = fork();

	if (child == 0)
		_exit(setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &linger,
				 sizeof(linger)));
	CHECK(waitpid(child, NULL, 0) == child);
	end_by_linger(&pair);
}

static void linger_set_by_syscall(void)
{
	struct pair pair = make_pair();
	struct linger linger = { .l_onoff = 1 };

	CHECK(syscall(SYS_setsockopt, pair.server, SOL_SOCKET, SO_LINGER,
		      &linger, sizeof(linger)) == 0);
	end_by_linger(&pair);
}

/* From there its own socket does not show. */
static void gone_to_another_network(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.server) == 0);
	wait_events(pair.client, POLLIN);
	isolate();
	tell("refuse", "FIN_WAIT_1 -> CLOSED");
	tell("refuse", "FIN_WAIT_2 -> CLOSED");
}

static int close_it(void *fd)
{
	return close(*(int *)fd);
}

/* A child whose copy was the only one to be closed, in one network or other. */
static void end_after_the_child(struct pair *pair, pid_t child)
{
	char byte;

	if (child < 0) {
		CHECK(errno == EPERM);
		skip("needs root for a network namespace");
	}
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(write(pair->client, "x", 1) == 1);
	CHECK(read(pair->server, &byte, 1) == 1);
	tell("refuse", "FIN_WAIT_1 -> CLOSED");
	tell("refuse", "ESTABLISHED -> FIN_WAIT_1: close()");
}

static void child_made_in_another_network(void)
{
	static char stack[1 << 16];
	struct pair pair = make_pair();

	end_after_the_child(&pair, clone(close_it, stack + sizeof(stack),
					 CLONE_NEWNET | SIGCHLD, &pair.client));
}

static void child_made_there_by_syscall(void)
{
	struct pair pair = make_pair();
	pid_t child =
		(pid_t)syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);

	if (child == 0)
		_exit(close(pair.client));
	end_after_the_child(&pair, child);
}

static void child_gone_there_by_syscall(void)
{
	struct pair pair = make_pair();
	pid_t child = fork();

	if (child == 0) {
		if (syscall(SYS_unshare, CLONE_NEWNET) == 0)
			close(pair.client);
		_exit(0);
	}
	end_after_the_child(&pair, child);
}

/* As vsftpd ends: the child ends what it was born with, and then itself. */
static void shut_down_in_another_network(void)
{
	struct pair pair = make_pair();
	int port = port_of(pair.client);
	pid_t child =
		(pid_t)syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);
	int status;
	char byte;

	if (child == 0) {
		CHECK(close(pair.client) == 0);
		CHECK(shutdown(pair.server, SHUT_RDWR) == 0);
		wait_state(pair.server, TCP_CLOSE);
		_exit(0);
	}
	if (child < 0) {
		CHECK(errno == EPERM);
		skip("needs root for a network namespace");
	}
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(close(pair.client) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	wait_state_between(port_of(pair.listener), port, TCP_TIME_WAIT);
	tell("refuse", "reset");
}

/* Room for a message of one byte and one descriptor. */
struct parcel {
	char byte;
	struct iovec part;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr message;
};

static struct msghdr *wrap(struct parcel *parcel)
{
	parcel->part = (struct iovec){ &parcel->byte, 1 };
	parcel->message =
		(struct msghdr){ .msg_iov = &parcel->part,
				 .msg_iovlen = 1,
				 .msg_control = parcel->control,
				 .msg_controllen = sizeof(parcel->control) };
	return &parcel->message;
}

static void send_one(int way, int fd)
{
	struct parcel parcel = { .byte = 0 };
	struct msghdr *message = wrap(&parcel);
	struct cmsghdr *head = CMSG_FIRSTHDR(message);

	*head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	CHECK(sendmsg(way, message, 0) == 1);
}

static int receive_one(int way)
{
	struct parcel parcel;
	struct msghdr *message = wrap(&parcel);
	int fd;

	CHECK(recvmsg(way, message, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(message)), sizeof(int));
	return fd;
}

/* As vsftpd does: its child gets each connection of data by a message. */
static void received_in_another_network(void)
{
	struct pair pair;
	int way[2];
	int status;
	char byte;
	pid_t child;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, way) == 0);
	child = (pid_t)syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(close(receive_one(way[1])));
	if (child < 0) {
		CHECK(errno == EPERM);
		skip("needs root for a network namespace");
	}
	pair = make_pair();
	send_one(way[0], pair.server);
	CHECK(close(pair.server) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(close(pair.client) == 0);
	tell("refuse", "reset");
}

/* It runs on our memory: we have not gone. */
static int go_and_end(void *unused)
{
	(void)unused;
	_exit(unshare(CLONE_NEWNET) < 0);
}

static void child_that_goes_on_our_memory(void)
{
	static char stack[1 << 16];
	struct pair pair = make_pair();
	pid_t child = clone(go_and_end, stack + sizeof(stack),
			    CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(close(pair.client) == 0);
	wait_events(pair.server, POLLIN);
	CHECK(close(pair.server) == 0);
	tell("expect", "FIN_WAIT_2 -> TIME_WAIT: the peer has closed too");
}

static void fin_and_reset_at_once(void)
{
	struct pair pair = make_pair();

	CHECK(write(pair.client, "unread", 6) == 6);
	wait_events(pair.server, POLLIN);
	CHECK(shutdown(pair.server, SHUT_WR) == 0);
	CHECK(close(pair.server) == 0);
	wait_events(pair.client, 0);
	CHECK(close(pair.client) == 0);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED",
	     pair.client);
	tell("refuse", "likely");
	/* The peer did not wait for what came before its FIN. */
	tell("findings", "0 write-after-peer-close");
}

static void reset_alone(void)
{
	struct pair pair = make_pair();

	reset(pair.server);
	wait_events(pair.client, 0);
	CHECK(close(pair.client) == 0);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED", pair.client);
	tell("refuse", "likely");
}

/* The stream is told of the reset, and no signal comes in its place. */
static void stream_closed_after_a_reset(FILE *(*end)(FILE *))
{
	struct pair pair = make_pair();
	FILE *stream = fdopen(pair.client, "w");

	CHECK(stream != NULL && fputs("held back", stream) >= 0);
	reset(pair.server);
	wait_events(pair.client, 0);
	end(stream);
	CHECK(errno == ECONNRESET);
}

static FILE *end_by_fclose(FILE *stream)
{
	CHECK(fclose(stream) == EOF);
	return NULL;
}

static FILE *end_by_freopen(FILE *stream)
{
	return freopen("/dev/null", "w", stream);
}

static void fclose_after_a_reset(void)
{
	stream_closed_after_a_reset(end_by_fclose);
}

static void freopen_after_a_reset(void)
{
	stream_closed_after_a_reset(end_by_freopen);
}

static void child_that_ends_the_connection(void)
{
	struct pair pair = make_pair();
	int port = port_of(pair.client);
	char byte;
	pid_t child = fork();

	if (child == 0)
		_exit(shutdown(pair.server, SHUT_RDWR));
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(close(pair.client) == 0);
	wait_state_between(port, port_of(pair.listener), 0);
	CHECK(close(pair.server) == 0);
	tell("refuse", "reset");
}

/* The peer's FIN comes first, and a child sends ours. */
static void child_that_ends_it_second(void)
{
	struct pair pair = make_pair();
	int port = port_of(pair.client);
	pid_t child;

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	wait_events(pair.server, POLLRDHUP);
	child = fork();
	if (child == 0)
		_exit(shutdown(pair.server, SHUT_WR));
	CHECK(waitpid(child, NULL, 0) == child);
	wait_state_between(port, port_of(pair.listener), TCP_TIME_WAIT);
	CHECK(close(pair.server) == 0);
	tell("expect", "LAST_ACK -> CLOSED: the peer acknowledged our FIN");
	tell("refuse", "reset");
}

static void fallback_from_mptcp(void)
{
	struct sockaddr_in address = loopback(0);
	int listener = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int server;

	if (listener < 0)
		skip("no MPTCP here");
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) ==
	      0);
	CHECK(listen(listener, 1) == 0);
	CHECK(connect_to(client, port_of(listener)) == 0);
	server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	CHECK(close(server) == 0);
	tell("expect", "an MPTCP socket is not followed");
	tell("expect", "fd %d 127.0.0.1:%d <- ", server, port_of(listener));
}

static void listening_after_a_refusal(void)
{
	int listener = listener_on(0);
	int port = port_of(listener);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(close(listener) == 0);
	CHECK(connect_to(fd, port) == -1 && errno == ECONNREFUSED);
	CHECK(listen(fd, 1) == 0);
	tell("expect", "fd %d 0.0.0.0:%d -- - CLOSED -> LISTEN", fd,
	     port_of(fd));
}

static int nonblocking_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	CHECK(fd >= 0);
	return fd;
}

/* A refusal that has come and that no call was told, nor tells now. */
static int refused_in_passing(int *port)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	int listener = listener_on(0);
	int fd = nonblocking_socket();

	*port = port_of(listener);
	CHECK(close(listener) == 0);
	CHECK(connect_to(fd, *port) == -1 && errno == EINPROGRESS);
	wait_events(fd, POLLOUT);
	CHECK(getpeername(fd, (struct sockaddr *)&peer, &length) == -1);
	return fd;
}

static void accepted_and_reset_unseen(void)
{
	int listener = listener_on(0);
	int client = nonblocking_socket();
	int server;
	char byte;

	CHECK(connect_to(client, port_of(listener)) == -1);
	CHECK(errno == EINPROGRESS);
	server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	reset(server);
	wait_events(client, 0);
	CHECK(read(client, &byte, 1) == -1 && errno == ECONNRESET);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED>CLOSED", client);
	tell("refuse", "refused");
}

/* The usual way without SO_ERROR: the second connect() tries nothing. */
static void connect_that_fetches_the_error(void)
{
	int port;
	int fd = refused_in_passing(&port);

	CHECK(connect_to(fd, port) == -1 && errno == ECONNREFUSED);
	tell("path", "%d CLOSED>SYN_SENT>CLOSED", fd);
}

/* ... and the third does. */
static void connect_after_the_error(void)
{
	int port;
	int fd = refused_in_passing(&port);

	CHECK(connect_to(fd, port) == -1 && errno == ECONNREFUSED);
	CHECK(connect_to(fd, port) == -1 && errno == EINPROGRESS);
	wait_events(fd, POLLOUT);
	CHECK(connect_to(fd, port) == -1 && errno == ECONNREFUSED);
	tell("path", "%d CLOSED>SYN_SENT>CLOSED>SYN_SENT>CLOSED", fd);
}

static atomic_int accepting; /* thread id */

static void *accept_one(void *argument)
{
	int fd;

	atomic_store(&accepting, (int)gettid());
	fd = accept(*(int *)argument, NULL, NULL);

	CHECK(fd >= 0);
	return NULL;
}

static bool accept_is_asleep(void)
{
	char path[64];
	char state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
		 atomic_load(&accepting));
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S';
}

/* The call that waits holds it, and takes a connection yet. */
static void listener_closed_under_accept(void)
{
	int listener = listener_on(0);
	int kept = listener;
	int port = port_of(listener);
	struct sockaddr_in there = loopback(port);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int second = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, accept_one, &kept) == 0);
	for (int i = 0; i < 5000 && !accept_is_asleep(); i++)
		poll(NULL, 0, 2);
	CHECK(accept_is_asleep());
	CHECK(close(listener) == 0);
	CHECK(table_state(port) == TCP_LISTEN);
	CHECK(bind(second, (struct sockaddr *)&there, sizeof(there)) == -1);
	CHECK(connect_to(client, port) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	tell("refuse", "LISTEN -> CLOSED: close() = 0");
	tell("expect", "help: a call of another thread that is under way");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(ports_that_are_used_again),
	S(ports_that_a_reset_sets_free),
	S(peer_that_writes_after_the_close),
	S(no_way_to_the_peer),
	S(linger_set_by_a_child),
	S(linger_set_by_syscall),
	S(gone_to_another_network),
	S(child_made_in_another_network),
	S(child_made_there_by_syscall),
	S(child_gone_there_by_syscall),
	S(shut_down_in_another_network),
	S(received_in_another_network),
	S(child_that_goes_on_our_memory),
	S(fin_and_reset_at_once),
	S(reset_alone),
	S(fclose_after_a_reset),
	S(freopen_after_a_reset),
	S(child_that_ends_the_connection),
	S(child_that_ends_it_second),
	S(fallback_from_mptcp),
	S(listening_after_a_refusal),
	S(accepted_and_reset_unseen),
	S(connect_that_fetches_the_error),
	S(connect_after_the_error),
	S(listener_closed_under_accept),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
