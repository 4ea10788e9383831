/*
 * The last story of the echo pair: both programs close, and neither has heard
 * of the other's close by then. On the loopback two FINs do not cross; here
 * filters keep them from those who wait for them, until both are sent.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs/pair.h"
#include "support/echo.h"
#include "support/log.h"
#include "support/oracle.h"
#include "support/run.h"

/* The descriptor of the newest line of a log. */
static int newest_number(struct run *run)
{
	size_t count;
	struct log_line *lines = log_transitions(run_log(run), &count);
	int number = count > 0 ? lines[count - 1].fd : -1;

	free(lines);
	return number;
}

/* A descriptor of another process: it holds the socket, like the process's. */
static int copy_of(pid_t pid, int number)
{
	int process = pidfd_open(pid, 0);
	int copy = pidfd_getfd(process, number, 0);

	close(process);
	return copy;
}

/* Both ends have closed, and neither has heard the other's FIN. */
struct crossing {
	struct oracle oracle;
	struct run server;
	struct run client;
	int port;
	int own;
	int server_number;
	int client_number;
	int server_end; /* copies, to attach filters to */
	int client_end;
};

static void cross(struct crossing *at)
{
	int own = copy_of(getpid(), 1);

	if (own < 0 || close(own) < 0 || !oracle_start(&at->oracle))
		cr_skip_test("needs root, tracefs and pidfd_getfd()");
	at->port = echo_start_server(&at->server, "0", NULL, ARGV("-1", "-w"));
	echo_start_client(&at->client, at->port, ARGV("-w", "-l", "10"));
	at->own = echo_client_port(&at->client);
	cr_assert(run_wait_log(&at->server, "SYN_RCVD -> ESTABLISHED"));
	at->server_number = newest_number(&at->server);
	at->client_number = newest_number(&at->client);
	at->server_end = copy_of(at->server.pid, at->server_number);
	at->client_end = copy_of(at->client.pid, at->client_number);
	cr_assert(at->server_end >= 0 && at->client_end >= 0);
	deafen(at->server_end, TH_FIN, TH_FIN);
	deafen(at->client_end, TH_FIN, TH_FIN);
	run_write(&at->client, "hello\n");
	cr_assert(run_wait_output(&at->client, "hello\n"));
	echo_wait_state(at->port, at->own, "FIN_WAIT_1");
	run_close_input(&at->client);
	echo_wait_state(at->own, at->port, "FIN_WAIT_1");
}

/*
 * The client hears the server's FIN, and the server still nothing. It is held
 * meanwhile: its close() is to find no copy that we have.
 */
static void let_client_hear(struct crossing *at)
{
	int status;

	deafen(at->server_end, 0, 0);
	kill(at->client.pid, SIGSTOP);
	cr_assert_eq(waitpid(at->client.pid, &status, WUNTRACED),
		     at->client.pid);
	cr_assert(WIFSTOPPED(status));
	hear(at->client_end);
	close(at->client_end);
	echo_wait_state(at->own, at->port, "CLOSING");
}

/*
 * The client's FIN that the server hears now is a later one, and answers the
 * server's: of the two only the client was in CLOSING.
 */
static void let_server_hear(struct crossing *at)
{
	hear(at->server_end);
	close(at->server_end);
	echo_wait_state(at->own, at->port, "TIME_WAIT");
	echo_wait_state(at->port, at->own, "TIME_WAIT");
}

static struct comparison end_crossing(struct crossing *at, const char *path)
{
	struct comparison sum;

	cr_expect_eq(run_wait(&at->client), 0, "%s", run_errors(&at->client));
	cr_expect_eq(run_wait(&at->server), 0, "%s", run_errors(&at->server));
	cr_expect_str_eq(log_path(run_log(&at->client), 0, at->client_number),
			 path);
	cr_expect_str_eq(log_path(run_log(&at->server), 0, at->server_number),
			 "LISTEN>SYN_RCVD>ESTABLISHED>FIN_WAIT_1>FIN_WAIT_2>"
			 "TIME_WAIT");
	sum = echo_compare(&at->oracle, &at->server, &at->client);
	cr_expect_str_eq(oracle_path(&at->oracle, at->own, at->port),
			 "SYN_SENT>ESTABLISHED>FIN_WAIT_1>CLOSING>CLOSED");
	/* listener, and the two ends */
	cr_expect_eq(sum.connections, 3);
	oracle_free(&at->oracle);
	run_end(&at->client);
	run_end(&at->server);
	return sum;
}

/* SO_LINGER makes the client live to see its end. */
Test(stories, both_close_at_once)
{
	struct crossing at;
	struct comparison sum;

	cross(&at);
	let_client_hear(&at);
	kill(at.client.pid, SIGCONT);
	cr_assert(run_wait_log(&at.client,
			       "FIN_WAIT_1 -> CLOSING: read() = 0, both "
			       "closed at once"));
	cr_expect_str_eq(echo_state(at.own, at.port), "CLOSING");
	let_server_hear(&at);
	sum = end_crossing(&at, "CLOSED>SYN_SENT>ESTABLISHED>FIN_WAIT_1>"
				"CLOSING>TIME_WAIT");
	cr_expect_eq(sum.crossings, 0);
}

/*
 * No call shows CLOSING to a client that sleeps through it: the log infers
 * FIN_WAIT_2 in its place, as docs/limits.md says.
 */
Test(stories, both_close_at_once_and_the_client_looks_later)
{
	struct crossing at;
	struct comparison sum;

	cross(&at);
	let_client_hear(&at);
	let_server_hear(&at);
	kill(at.client.pid, SIGCONT);
	cr_assert(run_wait_log(&at.client, "FIN_WAIT_1 -> FIN_WAIT_2: the peer "
					   "acknowledged our FIN (inferred)"));
	sum = end_crossing(&at, "CLOSED>SYN_SENT>ESTABLISHED>FIN_WAIT_1>"
				"FIN_WAIT_2>TIME_WAIT");
	cr_expect_eq(sum.crossings, 1);
}
