/*
 * Writes that fail or kill: tests/programs/doomed brings them about and tells
 * what the log must say of the reason.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/expect.h"
#include "support/log.h"
#include "support/scenarios.h"
#include "support/suppressions.h"

SCENARIOS(doomed, are_explained, "doomed")

/* The program dies as it does without; that is all. */
Test(doomed, that_is_suppressed_dies_in_silence)
{
	static const char rules[] = "{\n  known\n  sigpipe-death\n  ...\n}\n";
	struct suppressions file;
	struct run run;

	cr_assert(suppressions_write(&file, rules, strlen(rules)));
	cr_expect_eq(run_all(&run, true,
			     (const char *[]){ file.variable, NULL },
			     ARGV(run_program("doomed"),
				  "death_that_is_suppressed")),
		     128 + SIGPIPE, "%s", run_errors(&run));
	cr_expect_eq(log_findings(run_log(&run), "sigpipe-death"), 0, "%s",
		     run.text);
	run_end(&run);
	suppressions_remove(&file);
}
