/*
 * tcpshadow run at a terminal: what an interactive shell, and the keys, do to
 * the program they do to it under the command too.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/run.h"

/* A shell on a terminal of its own. */
struct session {
	pid_t shell;
	int terminal;
	char text[1 << 16]; /* what has come out of it */
	size_t length;
	size_t seen; /* of that, what the test has waited for */
};

static void begin(struct session *session)
{
	session->length = 0;
	session->seen = 0;
	session->shell = forkpty(&session->terminal, NULL, NULL, NULL);
	cr_assert(session->shell >= 0);
	if (session->shell > 0)
		return;
	setenv("PS1", "$ ", 1);
	unsetenv("PROMPT_COMMAND");
	execlp("bash", "bash", "--norc", "--noprofile", "--noediting", "-i",
	       NULL);
	_exit(127);
}

static void type(struct session *session, const char *keys)
{
	cr_assert_eq(write(session->terminal, keys, strlen(keys)),
		     (ssize_t)strlen(keys));
}

/* Until the text comes, after what was waited for before. */
static void expect(struct session *session, const char *wanted)
{
	struct pollfd waiting = { .fd = session->terminal, .events = POLLIN };
	char *found;
	ssize_t got;

	for (;;) {
		session->text[session->length] = '\0';
		found = strstr(session->text + session->seen, wanted);
		if (found) {
			session->seen = (size_t)(found - session->text) +
					strlen(wanted);
			return;
		}
		cr_assert_eq(poll(&waiting, 1, RUN_TIMEOUT), 1,
			     "no \"%s\" in:\n%s", wanted, session->text);
		got = read(session->terminal, session->text + session->length,
			   sizeof(session->text) - 1 - session->length);
		cr_assert_gt(got, 0, "no \"%s\" in:\n%s", wanted,
			     session->text);
		session->length += (size_t)got;
	}
}

static void run_in(struct session *session, const char *words)
{
	char line[1024];

	expect(session, "$ ");
	snprintf(line, sizeof(line), "%s run %s\n", run_command(), words);
	type(session, line);
}

/* What is typed before the program reads, the shell may have read. */
static void run_cat_in(struct session *session, const char *rest)
{
	char words[64];

	snprintf(words, sizeof(words), "sh -c 'echo ready; exec cat'%s", rest);
	run_in(session, words);
	expect(session, "ready\r\n");
}

static void run_tree_in(struct session *session, const char *rest)
{
	char words[512];

	snprintf(words, sizeof(words), "%.400s stops-itself%s",
		 run_program("tree"), rest);
	run_in(session, words);
	expect(session, "ready ");
}

/* What the program ended with, as the shell has it. */
static void expect_status(struct session *session, const char *status)
{
	char wanted[64];

	/* In two parts, so that it is not found in what is typed. */
	type(session, "echo stat''us=$?=\n");
	snprintf(wanted, sizeof(wanted), "status=%s=", status);
	expect(session, wanted);
}

static void end(struct session *session)
{
	type(session, "exit\n");
	close(session->terminal);
	kill(session->shell, SIGHUP);
	waitpid(session->shell, NULL, 0);
}

Test(job, the_program_reads_the_terminal, .timeout = 120)
{
	static struct session session;

	begin(&session);
	run_cat_in(&session, "");
	type(&session, "to the cat\n");
	expect(&session, "to the cat\r\nto the cat\r\n");
	type(&session, "\004");
	expect(&session, "ended with status 0");
	expect_status(&session, "0");
	end(&session);
}

Test(job, ctrl_z_stops_both_and_fg_continues_both, .timeout = 120)
{
	static struct session session;

	begin(&session);
	run_cat_in(&session, "");
	type(&session, "first\n");
	expect(&session, "first\r\nfirst\r\n");
	for (int i = 0; i < 3; i++) {
		type(&session, "\032");
		expect(&session, "Stopped");
		expect_status(&session, "148");
		type(&session, "fg\n");
		expect(&session, "exec cat'\r\n");
		type(&session, "again\n");
		expect(&session, "again\r\nagain\r\n");
	}
	type(&session, "\004");
	expect_status(&session, "0");
	end(&session);
}

/* It stopped the program for good, and the shell never heard of it. */
Test(job, a_program_that_stops_itself_gives_the_prompt_back, .timeout = 120)
{
	static struct session session;

	begin(&session);
	run_tree_in(&session, "");
	for (int i = 0; i < 3; i++) {
		type(&session, "\032");
		expect(&session, "Stopped");
		type(&session, "fg\n");
		expect(&session, "stops-itself\r\n");
		type(&session, "line\n");
		expect(&session, "got line");
	}
	type(&session, "\004");
	expect_status(&session, "7");
	end(&session);
}

/* Behind a pipe the command is not the first of its job. */
Test(job, nor_does_one_in_a_pipeline_keep_it, .timeout = 120)
{
	static struct session session;

	begin(&session);
	run_tree_in(&session, " | cat");
	type(&session, "\032");
	expect(&session, "Stopped");
	type(&session, "fg\n");
	expect(&session, "| cat\r\n");
	type(&session, "line\n");
	expect(&session, "got line");
	type(&session, "\004");
	expect_status(&session, "0");
	end(&session);
}

/* As test suites do with their servers: the command went to sleep for good. */
Test(job, a_script_stops_and_continues_the_program, .timeout = 120)
{
	static const char *const signals[] = { "TSTP", "STOP", "TTIN" };
	/*
	 * Continued once the command has taken notice: it sleeps again, and
	 * SIGCHLD does not wait for it; or it is stopped itself.
	 */
	static char script[] =
		"SCRIPT=of() { grep -q \"$2\" /proc/$1/status; }; "
		"(kill -$SIGNAL $$; until of $$ '^State:.T'; do :; done; "
		"until of $PPID '^ShdPnd:.*[02468ace]....$' && "
		"of $PPID '^State:.[ST]'; do :; done; kill -CONT $$) & "
		"wait; wait; exit 6";
	static struct session session;
	char line[1024];

	putenv(script);
	begin(&session);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		expect(&session, "$ ");
		snprintf(line, sizeof(line),
			 "SIGNAL=%s sh -c '%s run sh -c \"$SCRIPT\"; echo "
			 "stat\"\"us=$?='\n",
			 signals[i], run_command());
		type(&session, line);
		expect(&session, "status=6=");
	}
	end(&session);
}

Test(job, ctrl_c_ends_the_program_and_the_shell_hears_of_it, .timeout = 120)
{
	static struct session session;

	begin(&session);
	run_cat_in(&session, "");
	type(&session, "first\n");
	expect(&session, "first\r\nfirst\r\n");
	type(&session, "\003");
	expect(&session, "killed by SIGINT");
	expect_status(&session, "130");
	end(&session);
}

Test(job, a_program_in_the_background_is_stopped_when_it_reads, .timeout = 120)
{
	static struct session session;

	begin(&session);
	run_cat_in(&session, " &");
	/* The shell tells of it before its next prompt. */
	for (;;) {
		type(&session, "jobs; echo as''ked\n");
		expect(&session, "asked");
		if (strstr(session.text, "Stopped"))
			break;
		usleep(10000);
	}
	type(&session, "fg\n");
	expect(&session, "exec cat'");
	type(&session, "\004");
	expect_status(&session, "0");
	end(&session);
}
