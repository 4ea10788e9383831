/* Findings at many places, at places without a name, and those suppressed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/expect.h"
#include "support/log.h"
#include "support/suppressions.h"

enum { SHOWN = 100 };

/* The sum of the lines "again: N more times". */
static int repetitions(const char *log)
{
	int sum = 0;

	for (const char *at = strstr(log, " again: "); at;
	     at = strstr(at + 1, " again: "))
		sum += atoi(at + strlen(" again: "));
	return sum;
}

static int count_of(const char *log, const char *text)
{
	int count = 0;

	for (const char *at = strstr(log, text); at; at = strstr(at + 1, text))
		count++;
	return count;
}

static const char more[] =
	"    (further findings of this rule at other places are not shown)\n";

Test(findings, last_one_that_is_shown_says_so_and_the_counts_are_right)
{
	struct run run;
	const char *last;

	cr_assert_eq(run_all(&run, true, NULL,
			     ARGV(run_program("places"), "3", "7")),
		     0, "%s", run_errors(&run));
	cr_expect_str_eq(run_output(&run), "384\n");
	cr_expect_eq(log_errors(run_log(&run)), 0);
	cr_expect_eq(log_findings(run.text, "connect-refused"), SHOWN);
	cr_expect_eq(count_of(run.text, more), 1);
	last = strstr(run.text, more);
	cr_assert(last, "%s", run.text);
	cr_expect_null(strstr(last, " was refused [connect-refused]"));
	cr_expect_eq(SHOWN + repetitions(run.text), 384, "%d",
		     SHOWN + repetitions(run.text));
	/* Of the places that were not shown there is one line. */
	cr_expect_eq(count_of(run.text, " again: "), SHOWN + 1);
	cr_expect(strstr(run.text, " again: 84 more times at other places "
				   "[connect-refused]\n"),
		  "%s", run.text);
	run_end(&run);
}

/* Some wrappers have a part of its own for that. */
Test(findings, of_a_closed_number_each_call_is_where_the_program_made_it)
{
	struct run run;

	cr_assert_eq(run_all(&run, true, NULL, ARGV(run_program("gone"))), 0,
		     "%s", run_errors(&run));
	cr_expect_eq(log_errors(run_log(&run)), 0);
	cr_expect_eq(count_of(run.text, "\n    #0 gone+"), 14, "%s", run.text);
	cr_expect_null(strstr(run.text, "#0 libtcpshadow.so"), "%s", run.text);
	run_end(&run);
}

/* More places than can be told apart: they are counted all the same. */
Test(findings, places_beyond_those_that_are_kept_count)
{
	struct run run;

	cr_assert_eq(run_all(&run, true, NULL,
			     ARGV(run_program("places"), "2", "11")),
		     0, "%s", run_errors(&run));
	cr_expect_str_eq(run_output(&run), "4096\n");
	cr_expect_eq(log_errors(run_log(&run)), 0);
	cr_expect_eq(log_findings(run.text, "connect-refused"), SHOWN);
	cr_expect_eq(SHOWN + repetitions(run.text), 4096);
	run_end(&run);
}

Test(findings, as_many_as_are_shown_are_not_said_to_be_more)
{
	struct run run;

	cr_assert_eq(run_all(&run, true, NULL,
			     ARGV(run_program("places"), "1", "6")),
		     0);
	cr_expect_eq(log_findings(run_log(&run), "connect-refused"), 64);
	cr_expect_eq(count_of(run.text, more), 0);
	run_end(&run);
}

Test(findings, without_stacks_no_line_promises_one)
{
	static const char *const examples[] = {
		"double-close/bad",
		"close-wait-leak/bad",
		"descriptors-exhausted/bad",
		"shared-close/bad",
	};
	struct run run;

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		cr_assert_eq(run_all(&run, true, ARGV("TCPSHADOW_STACKS=off"),
				     ARGV(run_example(examples[i]))),
			     0);
		cr_expect(strstr(run_log(&run), "    help: "), "%s", run.text);
		cr_expect_null(strstr(run.text, " by:\n    help"), "%s",
			       run.text);
		run_end(&run);
	}
}

Test(findings, depth_that_no_stack_has_is_one_clear_line)
{
	static const char *const depths[] = { "0", "65", "100" };
	char variable[32];
	char wanted[80];
	struct run run;

	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		snprintf(variable, sizeof(variable), "TCPSHADOW_DEPTH=%s",
			 depths[i]);
		snprintf(wanted, sizeof(wanted),
			 "bad option: %s is none of 1..64; using 16\n",
			 variable);
		cr_assert_eq(run_all(&run, true, ARGV(variable),
				     ARGV(run_example("double-close/bad"))),
			     0);
		cr_expect_eq(count_of(run_log(&run), wanted), 1, "%s",
			     run.text);
		run_end(&run);
	}
}

Test(findings, stack_of_one_frame_has_the_call)
{
	struct run run;

	cr_assert_eq(run_all(&run, true, ARGV("TCPSHADOW_DEPTH=1"),
			     ARGV(run_example("double-close/bad"))),
		     0);
	cr_expect(strstr(log_finding(run_log(&run), "double-close"), "#0 bad+"),
		  "%s", run.text);
	cr_expect_null(strstr(log_finding(run.text, "double-close"), "#1 "));
	cr_expect_null(strstr(run.text, "bad option"), "%s", run.text);
	run_end(&run);
}

Test(findings, function_with_a_long_name_leaves_the_next_line_alone)
{
	struct run run;

	cr_assert_eq(run_all(&run, true, NULL, ARGV(run_program("places"))), 0,
		     "%s", run_errors(&run));
	cr_expect_eq(log_errors(run_log(&run)), 0, "%s", run.text);
	cr_expect(strstr(run.text, " again: 1 more time at places+0x"));
	cr_expect_eq(count_of(run.text, " [double-close]\n"), 2, "%s",
		     run.text);
	run_end(&run);
}

/* To standard error it goes in pieces that a pipe takes at once. */
Test(findings, text_that_is_longer_than_a_piece_is_whole)
{
	struct run run;
	const char *first;

	cr_assert_eq(run_all(&run, true, ARGV("TCPSHADOW_LOG=stderr"),
			     ARGV(run_program("places"))),
		     0);
	first = strstr(run_errors(&run), "error: close() of fd");
	cr_assert(first, "%s", run.text);
	cr_expect_gt(strstr(first, "    help: ") - first, 5000);
	cr_expect(strstr(first, "(main)\n"), "%s", run.text);
	cr_expect_eq(log_errors(run.text), 0, "%s", run.text);
	run_end(&run);
}

#ifdef __x86_64__
Test(findings, place_of_no_module_is_its_address)
{
	struct run run;
	char line[200];
	unsigned long place = 0;

	cr_assert_eq(run_all(&run, true, NULL, ARGV(run_program("anonymous"))),
		     0, "%s", run_errors(&run));
	sscanf(run_output(&run), "place %lx", &place);
	cr_expect_neq(place, 0);
	cr_expect_eq(log_findings(run_log(&run), "double-close"), 1, "%s",
		     run.text);
	snprintf(line, sizeof(line), "    #0 0x%lx\n", place);
	cr_expect(strstr(run.text, line), "%s in %s", line, run.text);
	snprintf(line, sizeof(line),
		 " again: 2 more times at 0x%lx [double-close]\n", place);
	cr_expect(strstr(run.text, line), "%s in %s", line, run.text);
	run_end(&run);
}

Test(findings, place_of_no_module_reaches_the_command)
{
	struct run run;
	char line[200];
	unsigned long place = 0;

	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", "--error-exitcode=9",
				  run_program("anonymous"))),
		     9, "%s", run_errors(&run));
	sscanf(run_output(&run), "place %lx", &place);
	snprintf(line, sizeof(line), "#0 0x%lx", place);
	cr_expect(strstr(run_errors(&run), line), "%s in %s", line, run.text);
	cr_expect(strstr(run.text, "3 times  double-close"), "%s", run.text);
	run_end(&run);
}

/* A suppression of all frames matches a frame without a name. */
Test(findings, place_of_no_module_is_suppressed_by_its_rule)
{
	static const char rules[] = "{\n  known\n  double-close\n  ...\n}\n";
	struct suppressions file;
	struct run run;

	cr_assert(suppressions_write(&file, rules, strlen(rules)));
	cr_assert_eq(run_all(&run, true, ARGV(file.variable),
			     ARGV(run_program("anonymous"))),
		     0);
	cr_expect_eq(log_findings(run_log(&run), "double-close"), 0);
	run_end(&run);
	suppressions_remove(&file);
}
#endif

/* ---- the file of suppressions --------------------------------------------- */

enum { MIB = 1 << 20 };

/* Blank lines up to size, with the suppression at the end. */
static void check_suppressions(size_t size, bool nul, int findings,
			       const char *mistake)
{
	static const char rules[] = "{\n  known\n  double-close\n  ...\n}\n";
	static char text[MIB + 4096];
	struct suppressions file;
	struct run run;

	memset(text, '\n', size);
	memcpy(text + size - strlen(rules), rules, strlen(rules));
	if (nul)
		text[size - strlen(rules) - 1] = '\0';
	cr_assert(suppressions_write(&file, text, size));
	cr_expect_eq(run_all(&run, true, ARGV(file.variable),
			     ARGV(run_example("double-close/bad"))),
		     0);
	cr_expect_eq(log_findings(run_log(&run), "double-close"), findings,
		     "%s", run.text);
	cr_expect_eq(count_of(run.text, "bad suppressions: "), mistake ? 1 : 0,
		     "%s", run.text);
	if (mistake)
		cr_expect(strstr(run.text, mistake), "%s", run.text);
	run_end(&run);
	suppressions_remove(&file);
}

Test(findings, suppressions_of_a_mebibyte_are_read_to_the_end)
{
	check_suppressions(MIB - 1, false, 0, NULL);
	check_suppressions(MIB, false, 0, NULL);
}

Test(findings, suppressions_that_are_longer_are_cut_and_said_to_be)
{
	check_suppressions(MIB + 100, false, 1,
			   ": longer than 1 MiB, the rest is not read\n");
}

Test(findings, suppressions_behind_a_nul_are_said_not_to_be_read)
{
	check_suppressions(1000, true, 1,
			   ": holds a NUL, what follows it is not read\n");
}

Test(findings, option_with_a_long_value_is_one_clear_line)
{
	char variable[1200] = "TCPSHADOW_REUSEADDR=";
	struct run run;

	memset(variable + strlen(variable), 'x', 1000);
	cr_expect_eq(run_all(&run, true, ARGV(variable),
			     ARGV(run_example("double-close/bad"))),
		     0);
	cr_expect(strstr(run_log(&run), "bad option: TCPSHADOW_REUSEADDR=xxx"));
	cr_expect(strstr(run.text,
			 "xxx is none of off|on-conflict|always; using off\n"),
		  "%s", run.text);
	run_end(&run);
}

/* The line is cut, and ends as a line. */
Test(findings, suppressions_with_a_long_name_leave_the_next_line_alone)
{
	char variable[1200] = "TCPSHADOW_SUPPRESSIONS=/";
	struct run run;

	memset(variable + strlen(variable), 'x', 1000);
	cr_expect_eq(run_all(&run, true, ARGV(variable),
			     ARGV(run_example("double-close/bad"))),
		     0);
	cr_expect_eq(log_errors(run_log(&run)), 0, "%s", run.text);
	cr_expect(strstr(run.text, "bad suppressions: /xxx"));
	cr_expect(strstr(run.text, "xxx: cannot be opened\n"));
	cr_expect_null(strstr(run.text, "xtcpshadow: "), "%s", run.text);
	cr_expect_eq(log_findings(run.text, "double-close"), 1);
	run_end(&run);
}
