/*
 * tcpshadow run in the middle between a program and those who send it signals:
 * each reaches the program as if nobody stood there, and once.
 */
#include <criterion/criterion.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/run.h"
#include "support/wait.h"

/* tcpshadow run WORDS... */
#define RUN(...) ARGV(run_command(), "run", __VA_ARGS__)

/* The pid in the program's line "ready PID". */
static pid_t ready(struct run *run)
{
	cr_assert(run_wait_output(run, "ready "));
	return atoi(strstr(run_output(run), "ready ") + 6);
}

static pid_t start_hearing(struct run *run)
{
	run_start(run, false, NULL, RUN("-q", run_program("tree"), "hears"));
	return ready(run);
}

static int heard(struct run *run, int number)
{
	const char *text = run_output(run);
	char line[32];
	int count = 0;

	snprintf(line, sizeof(line), "heard %d\n", number);
	for (; (text = strstr(text, line)) != NULL; text++)
		count++;
	return count;
}

static void expect_heard(struct run *run, int number)
{
	char line[32];

	snprintf(line, sizeof(line), "heard %d\n", number);
	cr_expect(run_wait_output(run, line), "no %sin:\n%s", line,
		  run_output(run));
}

/* Signals are passed on in the order of their numbers: this is the last. */
static void stop_hearing(struct run *run)
{
	kill(run->pid, SIGRTMAX);
	cr_expect_eq(run_wait(run), 0);
}

/* Has the kernel a use of its own for it, or is it the command's? */
static bool is_special(int number)
{
	return number == SIGKILL || number == SIGSTOP || number == SIGCHLD ||
	       (number > SIGSYS && number < SIGRTMIN);
}

Test(supervise, whatever_can_be_caught_is_passed_on_once, .timeout = 120)
{
	struct run run;

	start_hearing(&run);
	for (int number = 1; number < SIGRTMAX; number++) {
		if (is_special(number))
			continue;
		kill(run.pid, number);
		expect_heard(&run, number);
	}
	stop_hearing(&run);
	for (int number = 1; number < SIGRTMAX; number++)
		cr_expect_eq(heard(&run, number), !is_special(number),
			     "%d:\n%s", number, run_output(&run));
	run_end(&run);
}

Test(supervise, a_signal_to_the_group_reaches_the_program_once, .timeout = 120)
{
	const int numbers[] = { SIGINT,  SIGTERM, SIGHUP,  SIGUSR1,
				SIGCONT, SIGTSTP, SIGTTIN, SIGRTMIN };
	enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
	struct run run;

	start_hearing(&run);
	for (int i = 0; i < COUNT; i++) {
		kill(-run.pid, numbers[i]);
		expect_heard(&run, numbers[i]);
	}
	stop_hearing(&run);
	for (int i = 0; i < COUNT; i++)
		cr_expect_eq(heard(&run, numbers[i]), 1, "%d:\n%s", numbers[i],
			     run_output(&run));
	run_end(&run);
}

/* What went to the group says nothing about what comes after it. */
Test(supervise, one_to_the_command_alone_after_it_is_one_more, .timeout = 120)
{
	struct run run;

	start_hearing(&run);
	for (int i = 0; i < 5; i++) {
		kill(-run.pid, SIGUSR1);
		kill(-run.pid, SIGTERM);
		expect_heard(&run, SIGTERM);
		/* By now the command has looked at both, too. */
		kill(run.pid, SIGRTMIN + i);
		expect_heard(&run, SIGRTMIN + i);
		kill(run.pid, SIGUSR1);
		kill(run.pid, SIGRTMIN + 10 + i);
		expect_heard(&run, SIGRTMIN + 10 + i);
		cr_expect_eq(heard(&run, SIGUSR1), 2 * (i + 1), "%s",
			     run_output(&run));
		cr_expect_eq(heard(&run, SIGTERM), i + 1, "%s",
			     run_output(&run));
	}
	stop_hearing(&run);
	run_end(&run);
}

/* As the terminal sends it: to the command's group, where the program is not. */
Test(supervise, a_program_that_left_the_group_gets_it_too, .timeout = 120)
{
	struct run run;

	run_start(&run, false, NULL,
		  RUN("-q", "setsid", run_program("tree"), "hears"));
	ready(&run);
	kill(-run.pid, SIGINT);
	expect_heard(&run, SIGINT);
	stop_hearing(&run);
	cr_expect_eq(heard(&run, SIGINT), 1, "%s", run_output(&run));
	run_end(&run);
}

/* The program, and whatever else has the command for its parent. */
static int children_of(pid_t command, pid_t *pids, int most)
{
	char path[64];
	FILE *stream;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", command,
		 command);
	stream = fopen(path, "r");
	cr_assert(stream);
	while (count < most && fscanf(stream, "%d", &pids[count]) == 1)
		count++;
	fclose(stream);
	return count;
}

/* A service manager signals all the processes of a service, one by one. */
Test(supervise, one_to_each_process_reaches_the_program_once, .timeout = 120)
{
	pid_t pids[8];
	struct run run;
	int count;

	start_hearing(&run);
	count = children_of(run.pid, pids, 8);
	kill(run.pid, SIGTERM);
	for (int i = 0; i < count; i++)
		kill(pids[i], SIGTERM);
	expect_heard(&run, SIGTERM);
	stop_hearing(&run);
	cr_expect_eq(heard(&run, SIGTERM), 1, "%s", run_output(&run));
	run_end(&run);
}

/* pkill -f, by words of the program's, then by some of the command's. */
Test(supervise, nor_twice_when_both_are_found_by_their_words, .timeout = 120)
{
	static const char *const words[] = { "hears %d", "run -q .* hears %d" };
	char pattern[64];
	char mark[16];
	struct run search;
	struct run run;

	snprintf(mark, sizeof(mark), "%d", getpid());
	run_start(&run, false, NULL,
		  RUN("-q", run_program("tree"), "hears", mark));
	ready(&run);
	for (int i = 0; i < 2; i++) {
		snprintf(pattern, sizeof(pattern), words[i], getpid());
		cr_expect_eq(run_all(&search, false, NULL,
				     ARGV("pkill", "-USR1", "-f", pattern)),
			     0);
		run_end(&search);
		/* The other one comes before, if it comes. */
		kill(run.pid, SIGRTMIN + i);
		expect_heard(&run, SIGRTMIN + i);
		cr_expect_eq(heard(&run, SIGUSR1), i + 1, "%s",
			     run_output(&run));
	}
	stop_hearing(&run);
	run_end(&run);
}

Test(supervise, a_stop_of_the_group_is_undone_for_each_alone, .timeout = 120)
{
	struct run run;
	int status;

	start_hearing(&run);
	kill(-run.pid, SIGSTOP);
	cr_expect_eq(waitpid(run.pid, &status, WUNTRACED), run.pid);
	cr_expect(WIFSTOPPED(status));
	kill(run.pid, SIGCONT);
	expect_heard(&run, SIGCONT);
	kill(run.pid, SIGUSR1);
	expect_heard(&run, SIGUSR1);
	kill(-run.pid, SIGUSR2);
	expect_heard(&run, SIGUSR2);
	stop_hearing(&run);
	cr_expect_eq(heard(&run, SIGCONT), 1, "%s", run_output(&run));
	cr_expect_eq(heard(&run, SIGUSR2), 1, "%s", run_output(&run));
	run_end(&run);
}

/* When a window is closed only the first process of its session is told. */
Test(supervise, a_terminal_that_hangs_up_ends_the_program, .timeout = 120)
{
	char text[80];
	int terminal;
	int status;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		execl(run_command(), run_command(), "run", "-q", "sh", "-c",
		      "echo ready; exec sleep 1000", (char *)NULL);
		_exit(126);
	}
	cr_assert_gt(read(terminal, text, sizeof(text)), 0);
	close(terminal);
	cr_expect_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP, "%x",
		  status);
}

/* An alarm that is set before a program is executed is a usual timeout. */
Test(supervise, an_alarm_that_was_set_before_is_the_programs, .timeout = 120)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV("perl", "-e", "alarm 1; exec @ARGV",
				  run_command(), "run", "-q", "sleep", "1000")),
		     128 + SIGALRM);
	run_end(&run);
}

/* What comes of its own writes is not. */
Test(supervise, a_broken_pipe_of_the_command_is_its_own_affair, .timeout = 120)
{
	char script[64];
	struct run run;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	close(ends[0]);
	snprintf(script, sizeof(script),
		 "exec \"$0\" run -v \"$1\" lives 2>&%d", ends[1]);
	run_start(&run, false, NULL,
		  ARGV("bash", "-c", script, run_command(),
		       run_program("tree")));
	ready(&run);
	kill(run.pid, SIGWINCH);
	run_close_input(&run);
	cr_expect(run_wait_output(&run, "done"));
	run_wait(&run);
	run_end(&run);
	close(ends[1]);
}

static bool is_empty(void *argument)
{
	return kill(-*(pid_t *)argument, 0) < 0;
}

Test(supervise, nothing_is_left_of_a_command_that_is_killed, .timeout = 120)
{
	struct run run;
	pid_t program = start_hearing(&run);
	pid_t group = run.pid;

	kill(run.pid, SIGKILL);
	kill(program, SIGKILL);
	run_wait(&run);
	cr_expect(wait_for(is_empty, &group, RUN_TIMEOUT));
	run_end(&run);
}

/* Whoever gets the command's orphans finds none. */
Test(supervise, nothing_is_left_of_a_run_that_could_not_start, .timeout = 120)
{
	static const char *const limits[] = { "9", "10", "11" };
	struct run run;

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(run_all(&run, false, NULL,
				     ARGV("/bin/sh", "-c",
					  "ulimit -n $1; exec $0 run true",
					  run_command(), limits[i])),
			     126, "%s", run_errors(&run));
		/* The program is not to blame. */
		cr_expect(strstr(run_errors(&run),
				 "descriptors (ulimit -Hn) is too low for "
				 "tcpshadow run"),
			  "%s", run.text);
		run_end(&run);
		cr_expect_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1, "%s",
			     limits[i]);
	}
}

/* The daemon alone is its child then: program and witness are gone. */
static bool has_lost_the_program(void *argument)
{
	struct run *run = argument;
	pid_t pids[8];

	return children_of(run->pid, pids, 8) == 1 &&
	       pids[0] == atoi(strstr(run_output(run), "ready ") + 6);
}

/* Reports are written, as at any end. */
static void expect_an_end_by(int number, const char *sentence)
{
	struct run run;

	run_start(&run, false, NULL,
		  RUN("--wait=all", run_program("tree"), "leaves-a-daemon"));
	ready(&run);
	cr_assert(wait_for(has_lost_the_program, &run, RUN_TIMEOUT));
	kill(run.pid, number);
	cr_expect_eq(run_wait(&run), 0);
	cr_expect(strstr(run_errors(&run), "ended with status 0"), "%s",
		  run.text);
	cr_expect(strstr(run.text, sentence), "%s", run.text);
	cr_expect_null(strstr(run.text, "--wait=all"), "%s", run.text);
	run_end(&run);
}

Test(supervise, a_signal_ends_the_wait_for_what_was_left_behind, .timeout = 120)
{
	expect_an_end_by(SIGINT, "SIGINT ended the wait for them");
	expect_an_end_by(SIGTERM, "SIGTERM ended the wait for them");
	expect_an_end_by(SIGHUP, "SIGHUP ended the wait for them");
	expect_an_end_by(SIGQUIT, "SIGQUIT ended the wait for them");
}

Test(supervise, that_wait_can_be_stopped, .timeout = 120)
{
	struct run run;
	int status;

	run_start(&run, false, NULL,
		  RUN("--wait=all", run_program("tree"), "leaves-a-daemon"));
	ready(&run);
	cr_assert(wait_for(has_lost_the_program, &run, RUN_TIMEOUT));
	kill(run.pid, SIGUSR1);
	kill(run.pid, SIGTTIN);
	cr_expect_eq(waitpid(run.pid, &status, WUNTRACED), run.pid);
	cr_expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN, "%x",
		  status);
	kill(run.pid, SIGCONT);
	run_close_input(&run);
	cr_expect_eq(run_wait(&run), 0);
	cr_expect(strstr(run_output(&run), "daemon done"));
	run_end(&run);
}
