/*
 * The stories of the echo pair, as a reader of the classic book plays them, and
 * what the log and the kernel say.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/echo.h"
#include "support/log.h"
#include "support/oracle.h"
#include "support/run.h"

Test(stories, server_alone_listens)
{
	struct run server;
	int port = echo_start_server(&server, "0", NULL, NULL);

	cr_expect_str_eq(log_path(run_log(&server), server.pid, 3),
			 "CLOSED>LISTEN");
	cr_expect_str_eq(echo_state(port, 0), "LISTEN");
	run_end(&server);
}

Test(stories, client_connects_and_both_ends_are_established)
{
	struct run server;
	struct run client;
	int port = echo_start_server(&server, "0", NULL, NULL);
	char own[32];

	echo_start_client(&client, port, NULL);
	run_write(&client, "hello\n");
	cr_assert(run_wait_output(&client, "hello\n"));
	cr_expect_str_eq(log_path(run_log(&client), client.pid, 3),
			 "CLOSED>SYN_SENT>ESTABLISHED");
	cr_assert(run_wait_log(&server, "SYN_RCVD -> ESTABLISHED"));
	snprintf(own, sizeof(own), "127.0.0.1:%d", echo_client_port(&client));
	cr_expect_str_eq(log_path_between(run_log(&server), 0, NULL, own),
			 "LISTEN>SYN_RCVD>ESTABLISHED", "%s", server.text);
	cr_expect_str_eq(echo_state(echo_client_port(&client), port),
			 "ESTABLISHED");
	cr_expect_str_eq(echo_state(port, echo_client_port(&client)),
			 "ESTABLISHED");
	run_end(&client);
	run_end(&server);
}

Test(stories, client_ends_first)
{
	struct run server;
	struct run client;
	int port = echo_start_server(&server, "0", NULL, NULL);
	int own;

	echo_start_client(&client, port, ARGV("-w"));
	run_write(&client, "hello\n");
	cr_assert(run_wait_output(&client, "hello\n"));
	run_close_input(&client);
	cr_assert_eq(run_wait(&client), 0);
	own = echo_client_port(&client);
	cr_expect_str_eq(log_path(run_log(&client), 0, 3),
			 "CLOSED>SYN_SENT>ESTABLISHED>FIN_WAIT_1>FIN_WAIT_2>"
			 "TIME_WAIT");
	cr_expect_str_eq(echo_state(own, port), "TIME_WAIT");
	cr_assert(run_wait_log(&server, "LAST_ACK -> CLOSED"));
	cr_expect(strstr(run_log(&server),
			 "ESTABLISHED -> CLOSE_WAIT: read() = 0, the peer has "
			 "closed"));
	cr_expect(strstr(run_log(&server),
			 "CLOSE_WAIT -> LAST_ACK: close() = 0, FIN sent"));
	cr_expect_str_eq(echo_state(port, own), "CLOSED");
	cr_assert(run_wait_output(&server, "client close"));
	run_end(&client);
	run_end(&server);
}

/* Kills the serving child and waits until the client's side knows. */
static void kill_child(struct run *server, struct run *client, int port)
{
	int own = echo_client_port(client);

	kill(echo_child(server), SIGKILL);
	echo_wait_state(port, own, "FIN_WAIT_2");
	echo_wait_state(own, port, "CLOSE_WAIT");
}

Test(stories, serving_child_killed_and_the_next_line_is_warned_about)
{
	struct run server;
	struct run client;
	int port = echo_start_server(&server, "0", NULL, NULL);

	echo_start_client(&client, port, NULL);
	run_write(&client, "hello\n");
	cr_assert(run_wait_output(&client, "hello\n"));
	kill_child(&server, &client, port);
	run_write(&client, "are you there?\n");
	cr_assert_eq(run_wait(&client), 0);
	cr_expect(strstr(run_log(&client), "ESTABLISHED -> CLOSE_WAIT: the "
					   "peer has closed (kernel, seen at "
					   "write())"));
	cr_expect(strstr(log_finding(client.text, "write-after-peer-close"),
			 "the peer's socket is in FIN_WAIT_2 and no process "
			 "holds it"));
	/* Warned before it was sent: the reset comes after. */
	cr_expect_lt(strstr(client.text, "[write-after-peer-close]"),
		     strstr(client.text, "CLOSE_WAIT -> CLOSED"));
	cr_expect_eq(log_findings(client.text, "sigpipe-death"), 0);
	cr_expect(strstr(run_output(&client), "client close\n"));
	run_end(&client);
	run_end(&server);
}

Test(stories, the_line_in_two_writes_kills_the_client)
{
	struct run server;
	struct run client;
	const char *death;
	int port = echo_start_server(&server, "0", NULL, NULL);

	echo_start_client(&client, port, ARGV("-2"));
	run_write(&client, "hello\n");
	cr_assert(run_wait_output(&client, "hello\n"));
	kill_child(&server, &client, port);
	run_write(&client, "are you there?\n");
	cr_assert_eq(run_wait(&client), 128 + SIGPIPE);
	death = log_finding(run_log(&client), "sigpipe-death");
	cr_expect(strstr(death, "the earlier write() went to a peer that had "
				"closed"));
	cr_expect(strstr(death, "echocli+0x"), "%s", death);
	cr_expect(strstr(death, "status 141"));
	cr_expect_str_eq(log_path(client.text, 0, 3),
			 "CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED");
	run_end(&client);
	run_end(&server);
}

Test(stories, with_a_handler_the_client_lives_to_say_client_close)
{
	struct run server;
	struct run client;
	int port = echo_start_server(&server, "0", NULL, NULL);

	echo_start_client(&client, port, ARGV("-2", "-s"));
	run_write(&client, "hello\n");
	cr_assert(run_wait_output(&client, "hello\n"));
	kill_child(&server, &client, port);
	run_write(&client, "are you there?\n");
	cr_assert_eq(run_wait(&client), 0);
	cr_expect_str_eq(run_output(&client), "connected\nhello\nrecv is a sig "
					      "= 13\nclient close\n");
	cr_expect_eq(log_findings(run_log(&client), "sigpipe-death"), 0);
	cr_expect_eq(log_findings(client.text, "write-after-peer-close"), 1);
	run_end(&client);
	run_end(&server);
}

/* One line is served, then the server closes first and ends. */
static void serve_once(struct run *server, int port)
{
	struct run client;

	echo_start_client(&client, port, NULL);
	run_write(&client, "hello\n");
	cr_assert(run_wait_output(&client, "hello\n"));
	cr_assert_eq(run_wait(server), 0);
	run_close_input(&client);
	cr_assert_eq(run_wait(&client), 0);
	run_end(&client);
}

Test(stories, server_closes_first_and_cannot_restart)
{
	struct run server;
	struct run again;
	char text[16];
	const char *finding;
	int port = echo_start_server(&server, "0", NULL, ARGV("-1"));

	serve_once(&server, port);
	snprintf(text, sizeof(text), "%d", port);
	cr_expect_eq(run_all(&again, true, NULL,
			     ARGV(run_example("echoserv"), "-p", text)),
		     1);
	cr_expect(strstr(run_errors(&again),
			 "echoserv: bind: Address already in use"));
	finding = log_finding(run_log(&again), "address-in-use");
	cr_expect(strstr(finding, "holder: time-wait TIME_WAIT"), "%s",
		  again.text);
	cr_expect(strstr(finding, "no process, "), "%s", finding);
	cr_expect(strstr(finding, " s left\n"), "%s", finding);
	cr_expect(strstr(finding, "would not help now (tried)"), "%s", finding);
	run_end(&again);
	run_end(&server);
}

Test(stories, with_reuseaddr_from_the_first_run_on_the_server_restarts)
{
	static const char *const always[] = { "TCPSHADOW_REUSEADDR=always",
					      NULL };
	struct run server;
	struct run again;
	char text[16];
	int port = echo_start_server(&server, "0", always, ARGV("-1"));

	serve_once(&server, port);
	snprintf(text, sizeof(text), "%d", port);
	cr_expect_eq(echo_start_server(&again, text, always, NULL), port);
	cr_expect_eq(log_findings(run_log(&again), "reuseaddr-applied"), 1);
	cr_expect_eq(log_findings(again.text, "address-in-use"), 0);
	run_end(&again);
	run_end(&server);
}

Test(stories, on_conflict_cures_what_can_be_cured)
{
	static const char *const conflict[] = {
		"TCPSHADOW_REUSEADDR=on-conflict", NULL
	};
	struct run server;
	struct run again;
	char text[16];
	int port = echo_start_server(&server, "0", NULL, ARGV("-1", "-r"));

	serve_once(&server, port);
	snprintf(text, sizeof(text), "%d", port);
	cr_expect_eq(echo_start_server(&again, text, conflict, NULL), port);
	cr_expect_eq(log_findings(run_log(&again), "reuseaddr-applied"), 1);
	run_end(&again);
	run_end(&server);
}

/* A client connects and sends a line, which comes back. Its port. */
static int talk(struct run *client, int port, const char *option)
{
	echo_start_client(client, port, ARGV(option));
	run_write(client, "hello\n");
	cr_assert(run_wait_output(client, "hello\n"));
	return echo_client_port(client);
}

/* What a process of the server has logged of the client with this port. */
static const char *path_to(const char *log, pid_t pid, int own)
{
	char peer[32];

	snprintf(peer, sizeof(peer), "127.0.0.1:%d", own);
	return log_path_between(log, pid, NULL, peer);
}

/* The child still serves, the listener is gone. */
Test(stories, interrupt_to_one_process_leaves_the_connection)
{
	struct run server;
	struct run client;
	int port = echo_start_server(&server, "0", NULL, NULL);
	int own = talk(&client, port, "-w");
	pid_t parent = server.pid;
	pid_t child = echo_child(&server);

	kill(server.pid, SIGINT);
	cr_assert_eq(run_wait(&server), 0);
	echo_wait_state(port, 0, "CLOSED");
	cr_expect_str_eq(echo_state(port, own), "ESTABLISHED");
	cr_expect_str_eq(echo_state(own, port), "ESTABLISHED");
	/* Nothing of the connection's end; the listener's is the exit's. */
	cr_expect_str_eq(log_path(run_log(&server), parent, 3),
			 "CLOSED>LISTEN");
	cr_expect_str_eq(path_to(server.text, parent, own),
			 "LISTEN>SYN_RCVD>ESTABLISHED");
	run_write(&client, "still there?\n");
	cr_assert(run_wait_output(&client, "hello\nstill there?\n"));
	cr_expect_str_eq(log_path(run_log(&client), 0, 3),
			 "CLOSED>SYN_SENT>ESTABLISHED");
	run_close_input(&client);
	cr_assert_eq(run_wait(&client), 0);
	cr_assert(run_wait_log(&server, "LAST_ACK -> CLOSED"));
	cr_expect_str_eq(path_to(server.text, child, own),
			 "ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED");
	cr_expect_str_eq(echo_state(port, own), "CLOSED");
	cr_expect_str_eq(echo_state(own, port), "TIME_WAIT");
	cr_expect_eq(log_findings(run_log(&client), "write-after-peer-close"),
		     0);
	run_end(&client);
	run_end(&server);
}

Test(stories, interrupt_to_the_group_ends_what_the_child_served)
{
	struct run server;
	struct run client;
	int port = echo_start_server(&server, "0", NULL, NULL);
	int own = talk(&client, port, NULL);

	kill(-server.pid, SIGINT);
	cr_assert_eq(run_wait(&server), 0);
	echo_wait_state(port, own, "FIN_WAIT_2");
	cr_expect_str_eq(echo_state(own, port), "CLOSE_WAIT");
	cr_expect_str_eq(echo_state(port, 0), "CLOSED");
	/* The signal kills the child: nobody is left to tell of the FIN. */
	cr_expect_str_eq(path_to(run_log(&server), 0, own),
			 "LISTEN>SYN_RCVD>ESTABLISHED");
	cr_expect_str_eq(log_path(run_log(&client), 0, 3),
			 "CLOSED>SYN_SENT>ESTABLISHED");
	run_write(&client, "still there?\n");
	cr_assert_eq(run_wait(&client), 0);
	cr_expect_str_eq(log_path(run_log(&client), 0, 3),
			 "CLOSED>SYN_SENT>ESTABLISHED>CLOSE_WAIT>CLOSED");
	cr_expect_eq(log_findings(client.text, "write-after-peer-close"), 1);
	cr_expect(strstr(run_output(&client), "client close\n"));
	run_end(&client);
	run_end(&server);
}

/* The command asks the kernel when a process has ended. */
static int start_commanded(struct run *server)
{
	int port;

	run_start(server, false, NULL,
		  ARGV(run_command(), "run", "-v", "--wait=all",
		       run_example("echoserv"), "-p", "0"));
	cr_assert(run_wait_output(server, "listening on port "));
	sscanf(strstr(server->text, "listening on port "),
	       "listening on port %d", &port);
	return port;
}

/* The program, by its first line: the command has other children too. */
static pid_t commanded(struct run *server)
{
	int pid = 0;

	cr_assert(run_wait_errors(server, "CLOSED -> LISTEN"));
	cr_assert_eq(sscanf(server->text, "tcpshadow: %d fd ", &pid), 1);
	return pid;
}

Test(stories, the_command_tells_what_an_interrupt_to_one_has_ended)
{
	struct run server;
	struct run client;
	int port = start_commanded(&server);
	int own = talk(&client, port, "-w");

	kill(commanded(&server), SIGINT);
	cr_assert(run_wait_errors(&server,
				  "LISTEN -> CLOSED: no longer listening "
				  "(kernel, seen at exit)"));
	cr_expect_str_eq(path_to(run_errors(&server), 0, own),
			 "LISTEN>SYN_RCVD>ESTABLISHED");
	cr_expect_str_eq(echo_state(port, own), "ESTABLISHED");
	run_close_input(&client);
	cr_assert_eq(run_wait(&client), 0);
	cr_assert_eq(run_wait(&server), 0);
	/* Of the two processes the child tells the end. */
	cr_expect(strstr(run_errors(&server),
			 "CLOSE_WAIT -> LAST_ACK: close() = 0, FIN sent"));
	run_end(&client);
	run_end(&server);
}

Test(stories, the_command_tells_what_an_interrupt_to_the_group_has_ended)
{
	struct run server;
	struct run client;
	int port = start_commanded(&server);
	int own = talk(&client, port, NULL);

	kill(-server.pid, SIGINT);
	cr_assert_eq(run_wait(&server), 0);
	/* FIN_WAIT_2 as well, if the answer has come by the end of the run. */
	cr_expect(strstr(path_to(run_errors(&server), 0, own),
			 "LISTEN>SYN_RCVD>ESTABLISHED>FIN_WAIT_1"),
		  "%s", server.text);
	cr_expect(strstr(server.text, "LISTEN -> CLOSED: no longer listening "
				      "(kernel, seen at exit)"));
	cr_expect_str_eq(echo_state(port, 0), "CLOSED");
	cr_expect_str_eq(echo_state(own, port), "CLOSE_WAIT");
	echo_wait_state(port, own, "FIN_WAIT_2");
	run_end(&client);
	run_end(&server);
}

Test(stories, agree_with_the_kernels_tracepoint)
{
	struct comparison sum;
	struct oracle oracle;
	struct run server;
	struct run client;
	int port;

	if (!oracle_start(&oracle))
		cr_skip_test("needs root and tracefs");
	port = echo_start_server(&server, "0", NULL, NULL);
	echo_start_client(&client, port, ARGV("-w"));
	run_write(&client, "hello\n");
	cr_assert(run_wait_output(&client, "hello\n"));
	run_close_input(&client);
	cr_assert_eq(run_wait(&client), 0);
	cr_assert(run_wait_log(&server, "LAST_ACK -> CLOSED"));
	kill(server.pid, SIGTERM);
	run_wait(&server);
	sum = echo_compare(&oracle, &server, &client);
	/* listener; client; server's end in the parent and in the child */
	cr_expect_geq(sum.connections, 4);
	cr_expect_geq(sum.transitions, 10);
	oracle_free(&oracle);
	run_end(&client);
	run_end(&server);
}
