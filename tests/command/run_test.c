/*
 * tcpshadow run: it follows what it has to, says what it found, and ends as the
 * program did.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/net.h"
#include "support/run.h"
#include "support/wait.h"

/* tcpshadow run WORDS... */
#define RUN(...) ARGV(run_command(), "run", __VA_ARGS__)

static int count(const char *text, const char *wanted)
{
	int found = 0;

	for (; (text = strstr(text, wanted)) != NULL; text++)
		found++;
	return found;
}

/* The pid in the program's line "ready PID". */
static pid_t ready(struct run *run)
{
	cr_assert(run_wait_output(run, "ready "));
	return atoi(strstr(run_output(run), "ready ") + 6);
}

Test(run, ends_with_the_status_of_the_program)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("--", run_program("tree"), "ends", "37")),
		     37);
	cr_expect(strstr(run_errors(&run), "ended with status 37"), "%s",
		  run.text);
	run_end(&run);
}

Test(run, shows_the_names_and_marks_that_the_program_gave)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(run_example("api/in_c"), "careless")),
		     1);
	cr_expect_str_eq(run_output(&run), "watched, 1 findings\n");
	cr_expect(strstr(run_errors(&run), " \"server end\" 127.0.0.1:"), "%s",
		  run.text);
	cr_expect(strstr(run.text, " UTC: a client that hangs up\n"), "%s",
		  run.text);
	run_end(&run);
	run_all(&run, false, NULL, RUN("-q", run_example("api/in_c")));
	cr_expect_str_eq(run_errors(&run), "");
	run_end(&run);
}

Test(run, ends_by_the_signal_of_the_program)
{
	static const int numbers[] = { SIGTERM, SIGKILL, SIGPIPE, SIGSEGV };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char number[8];
		struct run run;

		snprintf(number, sizeof(number), "%d", numbers[i]);
		cr_expect_eq(run_all(&run, false, NULL,
				     RUN(run_program("tree"), "dies", number)),
			     128 + numbers[i]);
		cr_expect(strstr(run_errors(&run), "was killed by SIG"), "%s",
			  run.text);
		run_end(&run);
	}
}

Test(run, what_cannot_be_started_is_one_sentence)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL, RUN("/nonexistent/program")),
		     127);
	cr_expect_eq(count(run_errors(&run), "\n"), 1, "%s", run.text);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL, RUN("--depth=many", "true")),
		     2);
	cr_expect_eq(count(run_errors(&run), "\n"), 1, "%s", run.text);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL, RUN("--fail-on=x", "true")), 2);
	cr_expect(strstr(run_errors(&run), "`x` is neither"), "%s", run.text);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL, RUN("--depth=65", "true")), 2);
	cr_expect_str_eq(run_errors(&run),
			 "tcpshadow: --depth=65 is none of 1..64\n");
	run_end(&run);
	/* The kernel would make success of it. */
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("--error-exitcode=256", "echo", "ran")),
		     2);
	cr_expect_str_eq(run_errors(&run), "tcpshadow: --error-exitcode=256 is "
					   "none of 0..255\n");
	cr_expect_str_eq(run_output(&run), "");
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL, ARGV(run_command(), "run")), 2);
	run_end(&run);
}

/* With the status of a shell: a forgotten `chmod +x` is no wrong name. */
Test(run, what_may_not_be_executed_is_told_apart_from_what_is_not_there)
{
	static const char *const folders[] = { "/etc", "/etc/" };
	char path[] = "PATH=/etc:/bin";
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL, RUN("/etc/passwd")), 126);
	cr_expect_str_eq(run_errors(&run),
			 "tcpshadow: /etc/passwd: Permission denied\n");
	run_end(&run);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(run_all(&run, false, NULL, RUN(folders[i])), 126);
		cr_expect(strstr(run_errors(&run), ": Is a directory\n"), "%s",
			  run.text);
		run_end(&run);
	}
	cr_expect_eq(run_all(&run, false, NULL, RUN("/etc/passwd/x")), 127);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, ARGV(path), RUN("group")), 126);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, ARGV(path), RUN("no-such")), 127);
	run_end(&run);
	/* /etc/ssl is a folder, which is passed over. */
	cr_expect_eq(run_all(&run, false, ARGV(path), RUN("ssl")), 127);
	run_end(&run);
}

Test(run, options_of_the_program_are_left_to_it)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-q", "echo", "--trace=x", "-v", "--", "y")),
		     0);
	cr_expect_str_eq(run_output(&run), "--trace=x -v -- y\n");
	cr_expect_str_eq(run_errors(&run), "");
	run_end(&run);
}

Test(run, error_exitcode_is_for_findings_that_count)
{
	const char *bad = run_example("double-close/bad");
	const char *note = run_example("no-reuseaddr/bad");
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL, RUN("-q", bad)), 0);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-q", "--error-exitcode=9", bad)),
		     9);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-q", "--error-exitcode=9", note)),
		     0);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-q", "--error-exitcode=9", "--fail-on=note",
				 note)),
		     9);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-q", "--error-exitcode=9",
				 "--fail-on=linger-reset,no-reuseaddr", note)),
		     9);
	run_end(&run);
	/* A program that failed itself keeps its status. */
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-q", "--error-exitcode=9", "sh", "-c",
				 "\"$0\"; exit 3", bad)),
		     3);
	run_end(&run);
}

Test(run, findings_have_the_lines_of_the_source)
{
	struct run run;

	run_all(&run, false, NULL, RUN(run_example("double-close/bad")));
	cr_expect(strstr(run_errors(&run), "bad.c:9)"), "%s", run.text);
	cr_expect(strstr(run.text, "bad.c:8)"), "%s", run.text);
	run_end(&run);
}

Test(run, follows_200_processes_at_once)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(run_program("tree"), "children", "200")),
		     0);
	cr_expect_eq(count(run_errors(&run), "[double-close]"), 200);
	cr_expect(strstr(run.text, "201 processes"), "%s", run.text);
	cr_expect_null(strstr(run.text, "incomplete"), "%s", run.text);
	run_end(&run);
}

Test(run, follows_generations_and_programs_started_by_shells)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("sh", "-c",
				 "\"$0\" generations 5; \"$0\" ends 0",
				 run_program("tree"))),
		     0);
	cr_expect_eq(count(run_errors(&run), "[double-close]"), 1);
	cr_expect(strstr(run.text, "8 processes"), "%s", run.text);
	run_end(&run);
}

Test(run, a_program_that_closes_everything_is_still_heard)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(run_program("tree"), "closes-all")),
		     0);
	cr_expect_eq(count(run_errors(&run), "[double-close]"), 1);
	run_end(&run);
}

Test(run, what_it_cannot_see_is_named_and_never_clean)
{
	struct run run;

	run_all(&run, false, NULL, RUN(run_program("static")));
	cr_expect(strstr(run_errors(&run), "is statically linked"), "%s",
		  run.text);
	cr_expect(strstr(run.text, "this picture is incomplete"), "%s",
		  run.text);
	run_end(&run);
	run_all(&run, false, NULL,
		RUN("sh", "-c", "\"$0\"; exit 0", run_program("static")));
	cr_expect(strstr(run_errors(&run), "is statically linked"), "%s",
		  run.text);
	run_end(&run);
	run_all(&run, false, NULL,
		RUN("env", "-i", run_program("tree"), "ends", "0"));
	cr_expect(strstr(run_errors(&run), "ran without LD_PRELOAD"), "%s",
		  run.text);
	cr_expect(strstr(run.text, "this picture is incomplete"), "%s",
		  run.text);
	run_end(&run);
}

Test(run, signals_are_passed_on)
{
	static const int numbers[] = { SIGHUP,  SIGINT,  SIGUSR1,
				       SIGUSR2, SIGQUIT, SIGTERM };
	struct run run;

	run_start(&run, false, NULL, RUN("-q", run_program("tree"), "signals"));
	ready(&run);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char line[32];

		snprintf(line, sizeof(line), "heard %s\n",
			 sigabbrev_np(numbers[i]));
		kill(run.pid, numbers[i]);
		cr_expect(run_wait_output(&run, line));
		cr_expect_eq(count(run_output(&run), line), 1);
	}
	cr_expect_eq(run_wait(&run), 0);
	run_end(&run);
}

/* Runs tcpshadow on a terminal of its own, as a shell's foreground job. */
static pid_t on_a_terminal(int *terminal, const char *what)
{
	struct winsize size = { .ws_row = 24, .ws_col = 200 };
	pid_t pid = forkpty(terminal, NULL, NULL, &size);

	if (pid != 0)
		return pid;
	execl(run_command(), run_command(), "run", "-q", run_program("tree"),
	      what, (char *)NULL);
	_exit(126);
}

struct screen {
	int terminal;
	char text[8192];
	const char *wanted;
};

static bool shows(void *argument)
{
	struct screen *screen = argument;
	size_t used = strlen(screen->text);
	ssize_t got = read(screen->terminal, screen->text + used,
			   sizeof(screen->text) - used - 1);

	if (got > 0)
		screen->text[used + (size_t)got] = '\0';
	return strstr(screen->text, screen->wanted) != NULL;
}

static void wait_screen(struct screen *screen, const char *wanted)
{
	screen->wanted = wanted;
	cr_expect(wait_for(shows, screen, RUN_TIMEOUT), "%s in %s", wanted,
		  screen->text);
}

Test(run, control_c_reaches_the_program_once)
{
	struct screen screen = { .terminal = -1 };
	pid_t pid = on_a_terminal(&screen.terminal, "signals");
	int status;

	cr_assert_gt(pid, 0);
	fcntl(screen.terminal, F_SETFL, O_NONBLOCK);
	wait_screen(&screen, "ready ");
	cr_assert_eq(write(screen.terminal, "\003", 1), 1);
	wait_screen(&screen, "heard INT");
	kill(pid, SIGTERM);
	wait_screen(&screen, "heard TERM");
	cr_expect_eq(count(screen.text, "heard INT"), 1, "%s", screen.text);
	cr_expect_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(screen.terminal);
}

/* In a real shell: it is told of the stop, and continues both. */
Test(run, control_z_stops_and_fg_continues)
{
	struct winsize size = { .ws_row = 24, .ws_col = 200 };
	struct screen screen = { .terminal = -1 };
	char command[600];
	pid_t shell = forkpty(&screen.terminal, NULL, NULL, &size);
	pid_t program;
	int status;

	if (shell == 0) {
		setenv("PS1", "prompt> ", 1);
		execlp("bash", "bash", "--norc", "--noprofile", "-i",
		       (char *)NULL);
		_exit(126);
	}
	cr_assert_gt(shell, 0);
	fcntl(screen.terminal, F_SETFL, O_NONBLOCK);
	wait_screen(&screen, "prompt> ");
	snprintf(command, sizeof(command), "'%s' run -q '%s' signals\n",
		 run_command(), run_program("tree"));
	cr_assert_gt(write(screen.terminal, command, strlen(command)), 0);
	wait_screen(&screen, "ready ");
	program = atoi(strstr(screen.text, "ready ") + 6);
	cr_assert_eq(write(screen.terminal, "\032", 1), 1);
	wait_screen(&screen, "Stopped");
	cr_assert_eq(write(screen.terminal, "fg\n", 3), 3);
	kill(program, SIGUSR1);
	wait_screen(&screen, "heard USR1");
	kill(program, SIGTERM);
	wait_screen(&screen, "heard TERM");
	cr_assert_eq(write(screen.terminal, "exit 7\n", 7), 7);
	cr_expect_eq(waitpid(shell, &status, 0), shell);
	cr_expect_eq(WEXITSTATUS(status), 7, "%s", screen.text);
	close(screen.terminal);
}

Test(run, after_sigkill_the_kernel_tells_the_end_of_its_sockets)
{
	struct run run;
	pid_t program;

	run_start(&run, false, NULL, RUN("-v", run_program("tree"), "lives"));
	program = ready(&run);
	kill(program, SIGKILL);
	cr_expect_eq(run_wait(&run), 137);
	cr_expect(strstr(run_errors(&run), "LISTEN -> CLOSED"), "%s", run.text);
	cr_expect(strstr(run.text, "-> TIME_WAIT: "), "%s", run.text);
	cr_expect(strstr(run.text, "still open when their process ended"), "%s",
		  run.text);
	cr_expect(strstr(run.text, "TIME_WAIT, "), "%s", run.text);
	run_end(&run);
}

/* The reset is its own: the exit throws away what has not been read. */
Test(run, what_an_exit_leaves_unread_is_told_as_its_own_reset)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-v", run_program("judgements"),
				 "unread_data_at_the_end_resets")),
		     0);
	cr_expect(strstr(run_errors(&run),
			 "-> CLOSED: 6 bytes were unread: RST sent (kernel, "
			 "seen at exit)"),
		  "%s", run.text);
	cr_expect(strstr(run.text, "1 time  reset-on-close"), "%s", run.text);
	run_end(&run);
}

/* ... whichever of the two ends is looked at first. */
Test(run, what_an_exit_leaves_unread_tells_how_the_other_end_ended)
{
	struct run run;

	cr_expect_eq(
		run_all(&run, false, NULL,
			RUN("-v", run_program("tree"), "leaves-bytes-unread")),
		0);
	cr_expect(strstr(run_errors(&run),
			 "-> CLOSED: 6 bytes were unread: RST sent (kernel, "
			 "seen at exit)"),
		  "%s", run.text);
	cr_expect(strstr(run.text,
			 "-> CLOSED: reset by the peer (kernel, seen at exit)"),
		  "%s", run.text);
	run_end(&run);
}

static int number_after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	cr_assert(at, "no %s in %s", word, text);
	return atoi(at + strlen(word));
}

Test(run, what_an_exec_has_closed_was_not_open_at_the_end)
{
	char closed[40];
	char crosses[40];
	struct run run;

	cr_expect_eq(
		run_all(&run, false, NULL,
			RUN(run_program("tree"), "passes-a-listener", "0")),
		0);
	snprintf(closed, sizeof(closed), " 127.0.0.1:%d -- - LISTEN, made by",
		 number_after(run_output(&run), "closed "));
	snprintf(crosses, sizeof(crosses), " 127.0.0.1:%d -- - LISTEN, made by",
		 number_after(run_output(&run), "crosses "));
	cr_expect(strstr(run_errors(&run), "still open when their"), "%s",
		  run.text);
	cr_expect(strstr(run.text, crosses), "%s", run.text);
	cr_expect_null(strstr(run.text, closed), "%s", run.text);
	run_end(&run);
}

/* Servers end by SIGTERM: what the library finds at the exit is found too. */
Test(run, what_is_open_is_judged_when_a_signal_ends_the_process)
{
	static const int signals[] = { SIGTERM, SIGKILL, SIGABRT };
	char number[16];
	struct run run;

	for (int i = 0; i < 3; i++) {
		snprintf(number, sizeof(number), "%d", signals[i]);
		cr_expect_eq(run_all(&run, false, NULL,
				     RUN(run_program("tree"), "leaks", number)),
			     128 + signals[i]);
		cr_expect(strstr(run_errors(&run),
				 "the program has not at its end "
				 "[close-wait-leak]"),
			  "%s", run.text);
		/* The last may have been left to the exit. */
		cr_expect(strstr(run.text, "2 times  close-wait-leak"), "%s",
			  run.text);
		cr_expect_eq(count(run.text, "[close-wait-leak]"), 1, "%s",
			     run.text);
		cr_expect_null(strstr(run.text, "[left-open]"), "%s", run.text);
		run_end(&run);
	}
	snprintf(number, sizeof(number), "%d", SIGTERM);
	run_all(&run, false, (const char *[]){ "TCPSHADOW_LEFT_OPEN=on", NULL },
		RUN(run_program("tree"), "leaks", number));
	cr_expect(strstr(run_errors(&run), "it was in state LISTEN "
					   "[left-open]"),
		  "%s", run.text);
	cr_expect(strstr(run.text, "listener_on ("), "%s", run.text);
	run_end(&run);
	run_all(&run, false, NULL,
		RUN(run_program("tree"), "passes-a-listener", number));
	cr_expect(strstr(run_errors(&run), "never used it: while it lives the "
					   "port stays taken "
					   "[inherited-listener]"),
		  "%s", run.text);
	cr_expect(strstr(run.text, "1 time  inherited-listener"), "%s",
		  run.text);
	run_end(&run);
}

/* A client whose server, of another program, does not close its end. */
Test(run, the_other_end_of_a_leftover_is_named)
{
	static const char client[] =
		"import socket, sys\n"
		"socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n";
	static const char server[] =
		"import socket, sys\n"
		"l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()\n"
		"print('port', l.getsockname()[1], flush=True)\n"
		"s, _ = l.accept(); sys.stdin.read()\n";
	char expected[100];
	char port[16];
	struct run other;
	struct run run;

	run_start(&other, false, NULL, ARGV("/usr/bin/python3", "-c", server));
	cr_assert(run_wait_output(&other, "\n"));
	snprintf(port, sizeof(port), "%d", atoi(run_output(&other) + 5));
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("/usr/bin/python3", "-c", client, port)),
		     0);
	snprintf(expected, sizeof(expected),
		 "; the other end: pid %d (python3) fd ", other.pid);
	cr_expect(strstr(run_errors(&run), "FIN_WAIT_2, "), "%s", run.text);
	cr_expect(strstr(run.text, expected), "%s in %s", expected, run.text);
	cr_expect(strstr(run.text, ", CLOSE_WAIT ("), "%s", run.text);
	run_end(&run);
	run_end(&other);
}

static bool is_orphan_done(void *argument)
{
	return strstr(run_output(argument), "done") != NULL;
}

/* Nobody has sent a reset: the one that was closed first waits. */
Test(run, two_ends_that_the_end_of_the_process_closes_end_in_order)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-v", run_program("tree"), "keeps-both-ends")),
		     0);
	cr_expect(strstr(run_errors(&run), "CLOSE_WAIT -> LAST_ACK"), "%s",
		  run.text);
	cr_expect_null(strstr(run.text, "reset"), "%s", run.text);
	run_end(&run);
}

Test(run, the_other_end_tells_who_has_sent_a_reset)
{
	struct run run;

	cr_expect_eq(
		run_all(&run, false, NULL,
			RUN("-v", run_program("tree"), "writes-after-close")),
		0);
	cr_expect(strstr(run_errors(&run),
			 "-> CLOSED: RST sent, likely (kernel"),
		  "%s", run.text);
	cr_expect_eq(count(run.text, "-> CLOSED: "), 3, "%s", run.text);
	run_end(&run);
}

/* As inetd does for a program that is not followed: its client ends first. */
Test(run, a_connection_that_was_left_to_another_program_is_not_called_reset)
{
	static const char server[] =
		"import socket, subprocess, sys\n"
		"client = 'import socket, sys; '\\\n"
		"    's = socket.create_connection((\"127.0.0.1\", '\\\n"
		"    'int(sys.argv[1]))); sys.stdin.read(); '\\\n"
		"    's.shutdown(socket.SHUT_WR); s.recv(1)'\n"
		"l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()\n"
		"c = subprocess.Popen([sys.executable, '-c', client, "
		"str(l.getsockname()[1])], stdin=subprocess.PIPE, env={})\n"
		"s, _ = l.accept()\n"
		"cat = subprocess.Popen(['/bin/cat'], stdin=s, stdout=s, "
		"env={})\n"
		"s.close(); c.stdin.close(); c.wait(); cat.wait()\n";
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-v", "/usr/bin/python3", "-c", server)),
		     0);
	cr_expect(strstr(run_errors(&run),
			 "LAST_ACK -> CLOSED: the peer acknowledged our FIN, "
			 "likely (kernel"),
		  "%s", run.text);
	cr_expect_null(strstr(run.text, "reset"), "%s", run.text);
	run_end(&run);
}

Test(run, when_tcpshadow_is_killed_the_program_lives_on)
{
	struct run run;
	pid_t program;

	run_start(&run, false, NULL, RUN("-v", run_program("tree"), "lives"));
	program = ready(&run);
	kill(run.pid, SIGKILL);
	cr_expect_eq(run_wait(&run), 137);
	cr_expect_eq(kill(program, 0), 0);
	run_close_input(&run);
	cr_expect(wait_for(is_orphan_done, &run, RUN_TIMEOUT), "%s",
		  run_output(&run));
	run_end(&run);
}

Test(run, daemons_are_followed_to_their_end_if_wanted)
{
	struct run run;
	pid_t daemon;

	run_start(&run, false, NULL,
		  RUN("--wait=all", run_program("tree"), "leaves-a-daemon"));
	daemon = ready(&run);
	cr_expect_eq(kill(daemon, 0), 0);
	run_close_input(&run);
	cr_expect_eq(run_wait(&run), 0);
	cr_expect(strstr(run_output(&run), "daemon done"));
	cr_expect_eq(count(run_errors(&run), "[double-close]"), 1, "%s",
		     run.text);
	cr_expect_null(strstr(run.text, "still live"), "%s", run.text);
	run_end(&run);
}

Test(run, without_that_the_daemons_are_named)
{
	struct run run;

	run_start(&run, false, NULL,
		  RUN(run_program("tree"), "leaves-a-daemon"));
	ready(&run);
	cr_expect_eq(run_wait(&run), 0);
	cr_expect(strstr(run_errors(&run), "--wait=all follows them"), "%s",
		  run.text);
	run_end(&run);
}

Test(run, many_connections_lose_nothing)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(run_program("tree"), "flood", "10000")),
		     0);
	cr_expect(strstr(run_errors(&run), "10000 connections"), "%s",
		  run.text);
	cr_expect_null(strstr(run.text, "incomplete"), "%s", run.text);
	run_end(&run);
}

/* A reader that is stopped: the ring runs full, and the program does not wait. */
Test(run, a_full_ring_is_counted_and_told)
{
	struct run run;

	run_start(&run, false, NULL,
		  RUN("--error-exitcode=9", "--fail-on=blind-spot",
		      run_program("tree"), "flood", "25000"));
	ready(&run);
	kill(run.pid, SIGSTOP);
	cr_expect(run_wait_output(&run, "done"));
	kill(run.pid, SIGCONT);
	/* There may have been findings among what was lost. */
	cr_expect_eq(run_wait(&run), 9);
	cr_expect(strstr(run_errors(&run), "events were lost"), "%s", run.text);
	cr_expect(strstr(run.text, "this picture is incomplete"), "%s",
		  run.text);
	run_end(&run);
}

Test(run, log_file_takes_the_text)
{
	char name[100];
	char option[128];
	struct run run;
	struct stat status;

	snprintf(name, sizeof(name), "/tmp/tcpshadow-log-%d", getpid());
	snprintf(option, sizeof(option), "--log-file=%s", name);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(option, run_example("double-close/bad"))),
		     0);
	cr_expect_str_eq(run_errors(&run), "");
	cr_expect_eq(stat(name, &status), 0);
	cr_expect_gt(status.st_size, 100);
	unlink(name);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("--log-file=/nonexistent/x", "echo", "ran")),
		     2);
	cr_expect_str_eq(run_output(&run), "");
	run_end(&run);
	/* A full disk is told, and not with success. */
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("--log-file=/dev/full", "true")),
		     2);
	cr_expect(strstr(run_errors(&run), "could not be written"), "%s",
		  run.text);
	run_end(&run);
}

Test(run, what_is_preloaded_already_stays)
{
	char variable[600];
	struct run run;

	snprintf(variable, sizeof(variable), "LD_PRELOAD=%s",
		 run_program("libearly.so"));
	cr_expect_eq(run_all(&run, false, (const char *[]){ variable, NULL },
			     RUN("-q", "sh", "-c", "echo $LD_PRELOAD")),
		     0);
	cr_expect(strstr(run_output(&run), "libtcpshadow.so:"), "%s", run.text);
	cr_expect(strstr(run.text, "libearly.so"), "%s", run.text);
	run_end(&run);
}

Test(run, hosts_with_gcc_asan_start)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL, RUN("-v", run_program("asan"))),
		     0, "%s", run_errors(&run));
	cr_expect(strstr(run_errors(&run), " -> LISTEN"), "%s", run.text);
	run_end(&run);
}
