/*
 * The scenarios of the calls for remote commands (calls.c), with the server
 * that they need. All but rexec need a reserved port, which root alone is
 * given.
 */
#ifndef PROGRAMS_REMOTE_H
#define PROGRAMS_REMOTE_H

#include <netdb.h>

#include "pair.h"

/* A text as the protocols have it, ended by NUL. */
static void read_text(int fd, char *text, size_t size)
{
	size_t length = 0;

	do
		CHECK(length < size && read(fd, text + length, 1) == 1);
	while (text[length++] != '\0');
}

/* rshd and rexecd: the port for the errors or nothing, and three texts. */
static void serve(int listener)
{
	int fd = accept(listener, NULL, NULL);
	char text[32];
	int port;

	CHECK(fd >= 0);
	read_text(fd, text, sizeof(text));
	port = atoi(text);
	if (port > 0) {
		int own = IPPORT_RESERVED - 1;
		int errors = geteuid() == 0 ? rresvport(&own)
					    : socket(AF_INET, SOCK_STREAM, 0);

		CHECK(errors >= 0 && connect_to(errors, port) == 0);
	}
	for (int i = 0; i < 3; i++)
		read_text(fd, text, sizeof(text));
	CHECK(write(fd, "", 1) == 1);
	CHECK(read(fd, text, 1) == 0);
	_exit(0);
}

static void expect_given(const char *name, int result, int errors, int service)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	tell("expect",
	     "fd %d 127.0.0.1:%d -> 127.0.0.1:%d CLOSED -> SYN_SENT: %s() = "
	     "%d, SYN sent",
	     result, port_of(result), service, name, result);
	tell("expect",
	     "SYN_SENT -> ESTABLISHED: %s() = %d, the peer has accepted", name,
	     result);
	if (errors < 0)
		return;
	CHECK(getpeername(errors, (struct sockaddr *)&peer, &length) == 0);
	tell("expect",
	     "fd %d 127.0.0.1:%d <- 127.0.0.1:%d SYN_RCVD -> ESTABLISHED: "
	     "%s() = %d, the handshake is complete",
	     errors, port_of(errors), ntohs(peer.sin_port), name, result);
}

/* errors: with a second connection. The service's port in network order. */
static void command_with(const char *name,
			 int (*function)(uint16_t port, int *errors),
			 bool with_errors)
{
	int listener = listener_on(0);
	int port = port_of(listener);
	int errors = -1;
	int result;
	pid_t child = fork();

	if (child == 0)
		serve(listener);
	result = function(htons((uint16_t)port), with_errors ? &errors : NULL);
	if (result < 0) {
		CHECK(errno == EACCES && geteuid() != 0);
		CHECK(kill(child, SIGKILL) == 0);
		skip("needs root for a reserved port");
	}
	expect_given(name, result, errors, port);
	CHECK(shutdown(result, SHUT_WR) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
}

static char host_text[] = "127.0.0.1";
static char *host = host_text;

static int by_rcmd(uint16_t port, int *errors)
{
	return rcmd(&host, port, "me", "you", "command", errors);
}

static int by_rcmd_af(uint16_t port, int *errors)
{
	return rcmd_af(&host, port, "me", "you", "command", errors, AF_INET);
}

static int by_rexec(uint16_t port, int *errors)
{
	return rexec(&host, port, "you", "secret", "command", errors);
}

static int by_rexec_af(uint16_t port, int *errors)
{
	return rexec_af(&host, port, "you", "secret", "command", errors,
			AF_INET);
}

static void do_rcmd(void)
{
	command_with("rcmd", by_rcmd, true);
}

static void do_rcmd_af(void)
{
	command_with("rcmd_af", by_rcmd_af, false);
}

static void do_rexec(void)
{
	command_with("rexec", by_rexec, true);
}

static void do_rexec_af(void)
{
	command_with("rexec_af", by_rexec_af, false);
}

static void listen_on_reserved(int fd)
{
	if (fd < 0) {
		CHECK(errno == EACCES && geteuid() != 0);
		skip("needs root for a reserved port");
	}
	CHECK(listen(fd, 1) == 0);
	tell("expect", "fd %d 0.0.0.0:%d -- - CLOSED -> LISTEN: listen() = 0",
	     fd, port_of(fd));
	/* Of several ports one will be free. */
	tell("refuse", "[no-reuseaddr]");
}

static void do_rresvport(void)
{
	int port = IPPORT_RESERVED - 1;

	listen_on_reserved(rresvport(&port));
}

static void do_rresvport_af(void)
{
	int port = IPPORT_RESERVED - 1;

	listen_on_reserved(rresvport_af(&port, AF_INET));
	CHECK(rresvport_af(&port, AF_UNIX) == -1 && errno == EAFNOSUPPORT);
}

#endif
