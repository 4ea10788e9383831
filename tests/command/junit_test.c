/*
 * --junit: valid by a schema, and read back by a consumer (junitparser), which
 * also counts the cases again.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/run.h"

enum { ARGUMENTS_MAX = 32, PATH_SIZE = 512 };

static char folder[] = "/tmp/tcpshadow-junit-XXXXXX";
static char file[sizeof(folder) + 16];
static struct run consumer;
static int status; /* of tcpshadow */

static const char *in_tests(const char *name)
{
	static char paths[2][PATH_SIZE];
	static unsigned int next;
	char *path = paths[next++ % 2];
	const char *source = getenv("TCPSHADOW_SOURCE");

	snprintf(path, PATH_SIZE, "%s/tests/command/%s", source ? source : ".",
		 name);
	return path;
}

static void begin(void)
{
	cr_assert(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/report.xml", folder);
}

static void end(void)
{
	unlink(file);
	rmdir(folder);
	run_end(&consumer);
}

TestSuite(junit, .init = begin, .fini = end);

/* tcpshadow run OPTION program..., and what the consumer reads of the report. */
static const char *read_back(const char *option, const char *const *program)
{
	const char *argv[ARGUMENTS_MAX] = { run_command(), "run", "-q" };
	char junit[PATH_SIZE];
	int count = 3;
	struct run run;

	snprintf(junit, sizeof(junit), "--junit=%s", file);
	argv[count++] = junit;
	argv[count++] = option;
	argv[count++] = "--";
	while (*program && count < ARGUMENTS_MAX - 1)
		argv[count++] = *program++;
	status = run_all(&run, false, NULL, argv);
	run_end(&run);
	status = status >= 128 ? 128 - status : status;
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV("xmllint", "--noout", "--schema",
				  in_tests("junit.xsd"), file)),
		     0, "%s", run_errors(&run));
	run_end(&run);
	cr_assert_eq(run_all(&consumer, false, NULL,
			     ARGV("/usr/bin/python3", in_tests("junit_read.py"),
				  file)),
		     0, "%s", run_errors(&consumer));
	return run_output(&consumer);
}

static void expect(const char *text, const char *wanted)
{
	cr_expect(strstr(text, wanted), "no `%s` in:\n%s", wanted, text);
}

static void refuse(const char *text, const char *unwanted)
{
	cr_expect(!strstr(text, unwanted), "`%s` in:\n%s", unwanted, text);
}

Test(junit, a_clean_process_passes)
{
	const char *text = read_back("--fail-on=warning",
				     ARGV(run_example("close-wait-leak/good")));

	expect(text, "suite|1|0|0|0\n");
	expect(text, "passed|good|");
	expect(text, "close-wait-leak/good||\n");
}

Test(junit, a_finding_that_counts_is_a_failure_with_its_line)
{
	const char *text = read_back("--fail-on=warning",
				     ARGV(run_example("close-wait-leak/bad")));

	expect(text, "suite|1|1|0|0\n");
	expect(text, "failure|bad|");
	expect(text, "|close-wait-leak|the peer has closed this connection");
	expect(text, "close-wait-leak/bad.c:10)\n");
	expect(text, "still open when their process ended:");
}

Test(junit, a_finding_that_does_not_count_is_in_the_output)
{
	const char *text = read_back("--fail-on=error",
				     ARGV(run_example("close-wait-leak/bad")));
	const char *output = strstr(text, "warning: the peer has closed");

	expect(text, "suite|1|0|0|0\n");
	expect(text, "passed|bad|");
	cr_assert(output, "%s", text);
	expect(output, "[close-wait-leak]\n");
}

Test(junit, a_process_that_a_signal_has_killed_is_an_error)
{
	const char *text = read_back("--fail-on=error",
				     ARGV(run_example("sigpipe-death/bad")));

	cr_expect_eq(status, -SIGPIPE);
	expect(text, "suite|1|0|1|0\n");
	expect(text, "error|bad|");
	expect(text, "|sigpipe-death|killed by SIGPIPE: this write");
	text = read_back("--fail-on=error", ARGV("sh", "-c", "kill -SEGV $$"));
	expect(text, "suite|1|0|1|0\n");
	expect(text, "|killed|killed by SIGSEGV\n");
}

Test(junit, of_a_process_that_was_killed_the_death_is_told_first)
{
	char script[PATH_SIZE];
	const char *text;

	snprintf(script, sizeof(script), "%s; kill -SEGV $$",
		 run_program("static"));
	text = read_back("--fail-on=error", ARGV("sh", "-c", script));
	expect(text, "suite|1|0|1|0\n");
	expect(text, "|killed|killed by SIGSEGV\n");
	expect(text, "was not followed: it is statically linked");
}

Test(junit, a_program_that_cannot_be_started_leaves_no_empty_report)
{
	char option[PATH_SIZE];
	struct run run;

	snprintf(option, sizeof(option), "--junit=%s", file);
	status = run_all(&run, false, NULL,
			 ARGV(run_command(), "run", option, "--",
			      "/nonexistent/program"));
	cr_expect_eq(status, 127);
	cr_expect_neq(access(file, F_OK), 0);
	run_end(&run);
}

/* A case each: sh (which becomes true), and the cat that it starts. */
Test(junit, a_process_is_one_case_from_its_first_image_to_its_last)
{
	const char *text = read_back(
		"--fail-on=warning",
		ARGV("sh", "-c", "cat /dev/null; exec env -- true 'a b'"));

	expect(text, "suite|2|0|0|0\n");
	expect(text, "passed|true|true a b||\n");
	expect(text, "passed|cat|cat /dev/null||\n");
	refuse(text, "passed|env|");
}

Test(junit, a_child_that_its_parent_stops_is_no_error)
{
	const char *text = read_back(
		"--fail-on=error",
		ARGV("sh", "-c",
		     "f=$(mktemp); \"$0\" signals >$f & until grep -q ready "
		     "$f; do :; done; kill -KILL $!; wait $!; rm $f; exit 0",
		     run_program("tree")));

	cr_expect_eq(status, 0);
	expect(text, "|0|0|0\n");
}

Test(junit, what_was_not_seen_is_skipped_and_not_passed)
{
	const char *text =
		read_back("--fail-on=warning", ARGV(run_program("static")));

	expect(text, "suite|1|0|0|1\n");
	expect(text, "skipped|tcpshadow|");
	expect(text, "statically linked");
}

Test(junit, a_blind_spot_fails_when_notes_count)
{
	const char *text =
		read_back("--fail-on=note", ARGV(run_program("static")));

	expect(text, "suite|1|1|0|0\n");
	expect(text, "failure|tcpshadow|");
	expect(text, "|blind-spot|");
}

Test(junit, hostile_names_are_no_harm)
{
	const char *text = read_back(
		"--fail-on=warning",
		ARGV("sh", "-c", "exit 0",
		     "\x01\x1b[31m ]]> <&\"'> &#0; \xff\xfe \xc3\xbc \n\t"));

	expect(text, "suite|1|0|0|0\n");
	expect(text, "\\x01\\x1b[31m ]]> <&\"'> &#0; \\xff\\xfe");
	refuse(text, "\x1b");
}

Test(junit, a_report_that_cannot_be_written_is_told_before_the_start)
{
	struct run run;

	status = run_all(&run, false, NULL,
			 ARGV(run_command(), "run",
			      "--junit=/nonexistent/report.xml", "--", "echo",
			      "started"));
	cr_expect_eq(status, 2);
	expect(run_errors(&run), "--junit: /nonexistent/report.xml: ");
	cr_expect_str_empty(run_output(&run));
	run_end(&run);
}
