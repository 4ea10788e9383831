/* Where the text goes, and what the options do to it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/expect.h"
#include "support/log.h"
#include "support/scenarios.h"
#include "support/suppressions.h"

static int shadowed(struct run *run, const char *variable, const char *second,
		    const char *program, const char *scenario)
{
	const char *const environment[] = { variable, second, NULL };

	return run_all(run, true, environment,
		       ARGV(run_program(program), scenario));
}

ParameterizedTestParameters(sink, strange_standard_error_harms_nobody)
{
	return list_scenarios("output");
}

ParameterizedTest(struct scenario_name *scenario, sink,
		  strange_standard_error_harms_nobody)
{
	struct run plain;
	struct run run;
	char *expected;

	cr_expect_eq(run_all(&plain, false, NULL,
			     ARGV(run_program("output"), scenario->text)),
		     shadowed(&run, "TCPSHADOW_LOG=stderr", NULL, "output",
			      scenario->text),
		     "%s", scenario->text);
	expected = strdup(run_output(&plain));
	cr_expect_str_eq(run_output(&run), expected, "%s", scenario->text);
	free(expected);
	run_end(&plain);
	run_end(&run);
}

Test(sink, standard_error_is_the_default)
{
	struct run run;

	cr_assert_eq(shadowed(&run, "TCPSHADOW_LOG=stderr", NULL, "states",
			      "blocking_connect"),
		     0);
	cr_expect(strstr(run_errors(&run), "CLOSED -> LISTEN"));
	cr_expect_str_eq(run_log(&run), "");
	run_end(&run);
}

Test(sink, off_says_nothing)
{
	struct run run;

	cr_assert_eq(shadowed(&run, "TCPSHADOW_LOG=off", NULL, "states",
			      "close_with_unread_data"),
		     0);
	cr_expect_str_eq(run_errors(&run), "");
	run_end(&run);
}

Test(sink, transitions_off_leaves_the_findings)
{
	struct run run;

	cr_assert_eq(shadowed(&run, "TCPSHADOW_TRANSITIONS=off", NULL, "states",
			      "close_with_unread_data"),
		     0);
	cr_expect_null(strstr(run_log(&run), "CLOSED -> LISTEN"));
	cr_expect_eq(log_findings(run.text, "reset-on-close"), 1);
	run_end(&run);
}

Test(sink, relative_file_is_where_the_program_started)
{
	char folder[] = "/tmp/tcpshadow-sink-XXXXXX";
	char command[700];
	struct run run;

	cr_assert(mkdtemp(folder));
	snprintf(command, sizeof(command),
		 "cd %s && TCPSHADOW_LOG=here /usr/bin/python3 -c \"import os, "
		 "socket; os.chdir('/'); socket.socket().listen()\" && grep "
		 "-q 'CLOSED -> LISTEN' %s/here && rm -r %s",
		 folder, folder, folder);
	cr_expect_eq(run_all(&run, true, NULL, ARGV("/bin/sh", "-c", command)),
		     0, "%s", run_errors(&run));
	run_end(&run);
}

Test(sink, unknown_value_is_one_clear_line_and_the_default)
{
	struct run run;
	char *first;

	cr_assert_eq(shadowed(&run, "TCPSHADOW_REUSEADDR=perhaps\033[31m",
			      "TCPSHADOW_SILENCE=12x", "states",
			      "blocking_connect"),
		     0);
	first = strstr(run_log(&run), "bad option: TCPSHADOW_REUSEADDR=");
	cr_assert(first, "%s", run.text);
	cr_expect(strstr(first, "perhaps\\x1b[31m is none of off|on-conflict|"
				"always; using off\n"));
	cr_expect(strstr(first, "bad option: TCPSHADOW_SILENCE=12x is none of "
				"NUMBER; using 100\n"));
	cr_expect_null(strchr(run.text, '\033'));
	run_end(&run);
}

Test(sink, color_only_when_asked_or_on_a_terminal)
{
	struct run run;

	cr_assert_eq(shadowed(&run, "TCPSHADOW_COLOR=always", NULL, "states",
			      "close_with_unread_data"),
		     0);
	cr_expect(strstr(run_log(&run), "\033[1;35mwarning:\033[0m"));
	run_end(&run);
	cr_assert_eq(shadowed(&run, NULL, NULL, "states",
			      "close_with_unread_data"),
		     0);
	cr_expect_null(strchr(run_log(&run), '\033'));
	run_end(&run);
}

/* A path can hold anything; the terminal must not act on it. */
Test(sink, hostile_program_name_is_made_printable)
{
	char folder[] = "/tmp/tcpshadow-\033[2Jx-XXXXXX";
	char path[200];
	char command[600];
	struct run run;

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/\033]0;evil\007", folder);
	cr_assert_eq(symlink(run_program("states"), path), 0);
	snprintf(command, sizeof(command), "%s-copy", path);
	cr_assert_eq(link(run_program("states"), command) == 0 ||
			     rename(path, command) == 0,
		     1);
	cr_expect_eq(run_all(&run, true, NULL,
			     ARGV(command, "close_with_unread_data")),
		     0);
	cr_expect_null(strchr(run_log(&run), '\033'), "%s", run.text);
	cr_expect_eq(log_findings(run.text, "reset-on-close"), 1);
	unlink(command);
	unlink(path);
	rmdir(folder);
	run_end(&run);
}

static const char suppressions[] = "{\n  known\n  double-close\n  fun:main\n"
				   "}\n{\n  wrong\n  no-such-rule\n}\n";

Test(sink, suppressed_findings_are_not_shown_and_mistakes_have_a_line)
{
	struct suppressions file;
	char mistake[100];
	struct run run;

	cr_assert(
		suppressions_write(&file, suppressions, strlen(suppressions)));
	cr_expect_eq(run_all(&run, true,
			     (const char *[]){ file.variable, NULL },
			     ARGV(run_example("double-close/bad"))),
		     0);
	cr_expect_eq(log_findings(run_log(&run), "double-close"), 0);
	snprintf(mistake, sizeof(mistake), "%s:8: no such rule\n", file.path);
	cr_expect(strstr(run.text, mistake), "%s", run.text);
	run_end(&run);
	cr_expect_eq(run_all(&run, true,
			     (const char *[]){ file.variable, NULL },
			     ARGV(run_example("use-after-close/bad"))),
		     0);
	cr_expect_eq(log_findings(run_log(&run), "use-after-close"), 1);
	run_end(&run);
	suppressions_remove(&file);
}

Test(sink, findings_of_one_place_are_counted_not_repeated)
{
	struct run run;

	cr_assert_eq(run_all(&run, true, NULL,
			     ARGV("/usr/bin/python3", "-c",
				  "import socket\n"
				  "bound = socket.socket()\n"
				  "bound.bind(('127.0.0.1', 0))\n"
				  "for i in range(50):\n"
				  "    try: socket.create_connection("
				  "bound.getsockname())\n"
				  "    except OSError: pass\n")),
		     0);
	cr_expect_eq(log_findings(run_log(&run), "connect-refused"), 1);
	cr_expect(strstr(run.text, " again: 49 more times at python3"), "%s",
		  run.text);
	run_end(&run);
}

/* A file that is none: said in one line, and the program starts. */
Test(sink, suppressions_that_cannot_be_read_harm_nobody)
{
	char path[] = "/tmp/tcpshadow-fifo-XXXXXX";
	const char *const variables[] = { "TCPSHADOW_SUPPRESSIONS=/tmp",
					  "TCPSHADOW_SUPPRESSIONS=/no/such" };
	char variable[100];
	struct run run;

	for (int i = 0; i < 2; i++) {
		cr_expect_eq(shadowed(&run, variables[i], NULL, "states",
				      "blocking_connect"),
			     0);
		cr_expect(strstr(run_log(&run), i == 0 ? "cannot be read"
						       : "cannot be opened"),
			  "%s", run.text);
		run_end(&run);
	}
	close(mkstemp(path));
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	snprintf(variable, sizeof(variable), "TCPSHADOW_SUPPRESSIONS=%s", path);
	cr_expect_eq(shadowed(&run, variable, NULL, "states",
			      "blocking_connect"),
		     0);
	run_end(&run);
	unlink(path);
}
