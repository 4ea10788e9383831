/*
 * The echo server of the classic book: a process for each connection, lines
 * come back as they are. By default without SO_REUSEADDR, to see what that
 * does to a restart.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo.h"

static const char name[] = "echoserv";

static void usage(FILE *where)
{
	fputs("usage: echoserv [-a ADDRESS] [-p PORT] [-r] [-1] [-w]\n"
	      "  -a ADDRESS  listen there, in numbers (127.0.0.1)\n"
	      "  -p PORT     listen there, 0 for any (5188)\n"
	      "  -r          set SO_REUSEADDR\n"
	      "  -1          serve one line of one client, close first, end\n"
	      "  -w          at the end shut the sending side, read the rest\n",
	      where);
}

/* The signal may come between a call and the look at its errno. */
static void reap(int number)
{
	int saved = errno;

	(void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

/* exit() instead of death by the signal: the listener is closed in order. */
static void quit(int number)
{
	(void)number;
	exit(0);
}

static void on_signal(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler,
				    .sa_flags = SA_RESTART };

	sigaction(number, &action, NULL);
}

static void print_port(int listener)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);

	getsockname(listener, (struct sockaddr *)&storage, &length);
	/* The port is at the same place in both families. */
	printf("listening on port %d\n",
	       ntohs(((struct sockaddr_in *)&storage)->sin_port));
	fflush(stdout);
}

static void serve(int connection, int lines)
{
	char line[ECHO_LINE];
	ssize_t length;

	for (; lines != 0; lines--) {
		length = readline(connection, line, sizeof(line));
		if (length < 0)
			die(name, "read");
		if (length == 0) {
			puts("client close");
			fflush(stdout);
			break;
		}
		fputs(line, stdout);
		fflush(stdout);
		if (writen(connection, line, (size_t)length) < 0)
			die(name, "write");
	}
}

static void end_connection(int connection, int drain)
{
	if (drain)
		shut_and_drain(name, connection);
	close(connection);
}

static void serve_in_child(int listener, int connection, int drain)
{
	pid_t child = fork();

	if (child < 0)
		die(name, "fork");
	if (child == 0) {
		close(listener);
		on_signal(SIGINT, SIG_DFL);
		on_signal(SIGTERM, SIG_DFL);
		serve(connection, -1);
		end_connection(connection, drain);
		exit(0);
	}
	close(connection);
}

int main(int argc, char **argv)
{
	const char *address = "127.0.0.1";
	struct sockaddr_storage storage;
	int port = ECHO_PORT;
	int reuse = 0;
	int once = 0;
	int drain = 0;
	socklen_t length;
	int listener;
	int option;

	while ((option = getopt(argc, argv, "a:p:r1wh")) != -1) {
		switch (option) {
		case 'a':
			address = optarg;
			break;
		case 'p':
			port = parse_number(name, "a port", optarg);
			break;
		case 'r':
			reuse = 1;
			break;
		case '1':
			once = 1;
			break;
		case 'w':
			drain = 1;
			break;
		default:
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	on_signal(SIGCHLD, reap);
	on_signal(SIGINT, quit);
	on_signal(SIGTERM, quit);
	listener = open_socket(name, address, port, &storage, &length);
	if (reuse && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse,
				sizeof(reuse)) < 0)
		die(name, "setsockopt");
	if (bind(listener, (struct sockaddr *)&storage, length) < 0)
		die(name, "bind");
	if (listen(listener, SOMAXCONN) < 0)
		die(name, "listen");
	print_port(listener);
	for (;;) {
		int connection = accept(listener, NULL, NULL);

		if (connection < 0)
			die(name, "accept");
		if (!once) {
			serve_in_child(listener, connection, drain);
			continue;
		}
		serve(connection, 1);
		end_connection(connection, drain);
		return 0;
	}
}
