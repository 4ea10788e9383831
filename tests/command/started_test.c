/*
 * How the command itself is started: with descriptors closed, with its options
 * as variables.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "command/made.h"

TestSuite(started, .init = made_begin, .fini = made_end);

/* A shell that closes descriptors, and runs "$0" "$@" after that. */
#define SHELL(script, ...) \
	ARGV("/bin/sh", "-c", script, run_command(), __VA_ARGS__)

Test(started, without_standard_error_a_trace_stays_a_trace)
{
	char option[160];

	snprintf(option, sizeof(option), "--trace=%s", made_path("trace"));
	cr_expect_eq(run_all(&made_run, false, NULL,
			     SHELL("exec \"$0\" \"$@\" 2>&-", "run", option,
				   run_example("double-close/bad"))),
		     0);
	run_end(&made_run);
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "report", made_path("trace"))),
		     0, "%s", run_errors(&made_run));
	cr_expect(strstr(run_errors(&made_run), "[double-close]"), "%s",
		  made_run.text);
	cr_expect_null(strstr(made_run.text, "incomplete"), "%s",
		       made_run.text);
}

Test(started, the_program_finds_closed_what_was_closed)
{
	static const char script[] =
		"for i in 0 1 2; do [ -e /proc/$$/fd/$i ] || echo $i >&9; done";

	cr_expect_eq(
		run_all(&made_run, false, NULL,
			SHELL("exec 9>&1 0<&- 1>&- 2>&-; exec \"$0\" \"$@\"",
			      "run", "/bin/sh", "-c", script)),
		0);
	cr_expect_str_eq(run_output(&made_run), "0\n1\n2\n");
}

Test(started, the_program_has_the_limit_of_descriptors_that_was_set)
{
	cr_expect_eq(run_all(&made_run, false, NULL,
			     SHELL("ulimit -Sn 100; exec \"$0\" \"$@\"", "run",
				   "/bin/sh", "-c", "ulimit -Sn")),
		     0);
	cr_expect_str_eq(run_output(&made_run), "100\n");
}

Test(started, an_answer_that_cannot_be_written_is_told)
{
	static const char *const words[] = { "--help", "--version" };

	for (int i = 0; i < 2; i++) {
		cr_expect_eq(run_all(&made_run, false, NULL,
				     SHELL("exec \"$0\" \"$@\" >/dev/full",
					   words[i])),
			     EXIT_BAD_INPUT);
		cr_expect(strstr(run_errors(&made_run), "could not be written"),
			  "%s", words[i]);
		run_end(&made_run);
	}
}

/* It counts for memory that processes share, and kills who goes beyond it. */
Test(started, under_a_limit_of_file_sizes)
{
	cr_expect_eq(run_all(&made_run, false, NULL,
			     SHELL("ulimit -f 200; exec \"$0\" \"$@\"", "run",
				   run_example("double-close/bad"))),
		     0);
	cr_expect(strstr(run_errors(&made_run), "[double-close]"), "%s",
		  made_run.text);
	run_end(&made_run);
	cr_expect_eq(run_all(&made_run, false, NULL,
			     SHELL("ulimit -f 200; exec \"$0\" \"$@\"", "run",
				   "/bin/sh", "-c",
				   "ulimit -f; kill -XFSZ $$")),
		     128 + SIGXFSZ);
	cr_expect_str_eq(run_output(&made_run), "200\n");
	run_end(&made_run);
	cr_expect_eq(
		run_all(&made_run, false, NULL,
			SHELL("(ulimit -f 0; exec \"$0\" \"$@\" 2>&1) | cat",
			      "run", "echo", "started")),
		0);
	cr_expect_str_eq(run_output(&made_run),
			 "tcpshadow: no memory for the ring: the limit of file "
			 "sizes is too low for it\n");
}

Test(started, a_report_beyond_the_limit_of_file_sizes_is_told)
{
	char option[160];

	cr_assert_eq(made_real("trace", "trace", "true"), 0);
	run_end(&made_run);
	snprintf(option, sizeof(option), "--html=%s", made_path("html"));
	cr_expect_eq(run_all(&made_run, false, NULL,
			     SHELL("ulimit -f 2; exec \"$0\" \"$@\"", "report",
				   "-q", option, made_path("trace"))),
		     EXIT_BAD_INPUT);
	cr_expect(strstr(run_errors(&made_run), "could not be written"), "%s",
		  made_run.text);
}

/* Each process that lives takes one of the command, and the symbols need some. */
Test(started, with_few_descriptors_stacks_have_symbols)
{
	static const char *const limits[] = {
		"ulimit -n 128; exec \"$0\" \"$@\"",
		"ulimit -Sn 128; exec \"$0\" \"$@\"",
	};
	/* Until the command knows them all, and waits for more. */
	static const char script[] =
		"i=0; while [ $i -lt 140 ]; do sleep 60 & i=$((i + 1)); done; "
		"until [ $(grep -c '\"command\":\"sleep\"' \"$1\") = 140 ] && "
		"grep -q '^State:.S' /proc/$PPID/status; do :; done; "
		"\"$0\"; kill $(jobs -p)";
	char option[160];

	snprintf(option, sizeof(option), "--trace=%s", made_path("trace"));
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		cr_expect_eq(run_all(&made_run, false, NULL,
				     SHELL(limits[i], "run", option,
					   "/bin/bash", "-c", script,
					   run_example("double-close/bad"),
					   made_path("trace"))),
			     0);
		cr_expect(strstr(run_errors(&made_run), "#0 main ("), "%s",
			  made_run.text);
		run_end(&made_run);
	}
}

Test(started, a_switch_may_be_off_in_a_variable)
{
	static const char *const values[] = { "TCPSHADOW_VERBOSE=off",
					      "TCPSHADOW_VERBOSE=",
					      "TCPSHADOW_QUIET=off" };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		run_all(&made_run, false, ARGV(values[i]),
			ARGV(run_command(), "run",
			     run_example("double-close/bad")));
		cr_expect(strstr(run_errors(&made_run), "== the program ended"),
			  "%s: %s", values[i], made_run.text);
		cr_expect_null(strstr(made_run.text, "is none of"));
		cr_expect_null(strstr(made_run.text, " -> LISTEN"), "%s: %s",
			       values[i], made_run.text);
		run_end(&made_run);
	}
}

Test(started, a_switch_may_be_on_in_a_variable)
{
	run_all(&made_run, false,
		ARGV("TCPSHADOW_VERBOSE=on", "TCPSHADOW_QUIET=1"),
		ARGV(run_command(), "run", run_example("double-close/bad")));
	cr_expect(strstr(run_errors(&made_run), " -> LISTEN"), "%s",
		  made_run.text);
	cr_expect_null(strstr(made_run.text, "== the program ended"), "%s",
		       made_run.text);
}

Test(started, a_switch_with_another_value_is_told_and_off)
{
	run_all(&made_run, false, ARGV("TCPSHADOW_VERBOSE=no"),
		ARGV(run_command(), "run", run_example("double-close/bad")));
	cr_expect(strstr(run_errors(&made_run),
			 "TCPSHADOW_VERBOSE=no is none of on|off; using off"),
		  "%s", made_run.text);
	cr_expect_null(strstr(made_run.text, " -> LISTEN"), "%s",
		       made_run.text);
}
