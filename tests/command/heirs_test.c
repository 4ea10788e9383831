/*
 * inherited-listener says where the listener was made, however the program that
 * inherited it was started.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/log.h"
#include "support/run.h"

static int count(const char *text, const char *what)
{
	int found = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		found++;
	return found;
}

Test(heirs, are_told_by_the_run_where_the_listener_was_made)
{
	static const char *const ways[] = { "system", "popen", "exec" };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct run run;

		cr_expect_eq(run_all(&run, false, NULL,
				     ARGV(run_command(), "run", "-q",
					  run_program("heirs"), ways[i])),
			     0);
		cr_expect_eq(log_findings(run_errors(&run),
					  "inherited-listener"),
			     2, "%s: %s", ways[i], run.text);
		cr_expect_eq(count(run.text, "    #0 listener_on (tests/"
					     "programs/pair.h:"),
			     2, "%s: %s", ways[i], run.text);
		cr_expect_eq(count(run.text, "      made by pid "), 2, "%s: %s",
			     ways[i], run.text);
		cr_expect_eq(count(run.text, " (heirs)\n"), 2, "%s: %s",
			     ways[i], run.text);
		run_end(&run);
	}
}

/* Without the command each program tells the next. */
Test(heirs, tell_each_other_where_the_listener_was_made)
{
	struct run run;

	cr_expect_eq(run_all(&run, true, NULL,
			     ARGV(run_program("heirs"), "exec")),
		     0);
	cr_expect_eq(log_findings(run_log(&run), "inherited-listener"), 2, "%s",
		     run.text);
	cr_expect_eq(count(run.text, "    #0 heirs+0x"), 2, "%s", run.text);
	cr_expect_eq(count(run.text, "    the listener was made there"), 2,
		     "%s", run.text);
	run_end(&run);
}
