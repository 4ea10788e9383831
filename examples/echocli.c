/*
 * The echo client of the classic book: a line from the user, to the server,
 * and back. While it waits for the user it does not watch the socket, so it
 * does not learn that the server has gone: that is the point.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "echo.h"

static const char name[] = "echocli";

static void usage(FILE *where)
{
	fputs("usage: echocli [-a ADDRESS] [-p PORT] [-2] [-s] [-w] [-l N]\n"
	      "  -a ADDRESS  connect to it, in numbers (127.0.0.1)\n"
	      "  -p PORT     connect to it (5188)\n"
	      "  -2          send each line in two writes\n"
	      "  -s          install a handler for SIGPIPE that says so\n"
	      "  -w          at the end shut the sending side, read the rest\n"
	      "  -l N        SO_LINGER: close() waits N seconds for the "
	      "answer\n"
	      "              to its FIN; 0: it sends a reset\n",
	      where);
}

static void say_signal(int number)
{
	printf("recv is a sig = %d\n", number);
	fflush(stdout);
}

/* Between two writes: long enough for the answer to the first to come. */
static void pause_between(void)
{
	struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };

	nanosleep(&moment, NULL);
}

static ssize_t send_line(int fd, const char *line, int in_two)
{
	size_t length = strlen(line);

	if (!in_two)
		return writen(fd, line, length);
	if (writen(fd, line, 1) < 0)
		return -1;
	pause_between();
	return writen(fd, line + 1, length - 1);
}

/* One line there and back. 0 when the server has gone. */
static int echo_line(int fd, const char *line, int in_two)
{
	char answer[ECHO_LINE];
	ssize_t length;

	if (send_line(fd, line, in_two) < 0) {
		if (errno != EPIPE && errno != ECONNRESET)
			die(name, "write");
		return 0;
	}
	length = readline(fd, answer, sizeof(answer));
	if (length < 0 && errno != ECONNRESET)
		die(name, "read");
	if (length <= 0)
		return 0;
	fputs(answer, stdout);
	fflush(stdout);
	return 1;
}

/* close() then waits for the answer to our FIN; with 0 it sends a reset. */
static void set_linger(int fd, int seconds)
{
	struct linger linger = { .l_onoff = 1, .l_linger = seconds };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		die(name, "setsockopt");
}

int main(int argc, char **argv)
{
	const char *address = "127.0.0.1";
	struct sockaddr_storage storage;
	struct sigaction action = { .sa_handler = say_signal };
	char line[ECHO_LINE];
	int port = ECHO_PORT;
	int in_two = 0;
	int drain = 0;
	int linger = -1;
	socklen_t length;
	int option;
	int fd;

	while ((option = getopt(argc, argv, "a:p:2swl:h")) != -1) {
		switch (option) {
		case 'a':
			address = optarg;
			break;
		case 'p':
			port = parse_number(name, "a port", optarg);
			break;
		case '2':
			in_two = 1;
			break;
		case 's':
			sigaction(SIGPIPE, &action, NULL);
			break;
		case 'w':
			drain = 1;
			break;
		case 'l':
			linger = parse_number(name, "seconds", optarg);
			break;
		default:
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	fd = open_socket(name, address, port, &storage, &length);
	if (connect(fd, (struct sockaddr *)&storage, length) < 0)
		die(name, "connect");
	puts("connected");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (echo_line(fd, line, in_two))
			continue;
		puts("client close");
		fflush(stdout);
		break;
	}
	if (drain)
		shut_and_drain(name, fd);
	if (linger >= 0)
		set_linger(fd, linger);
	close(fd);
	return 0;
}
