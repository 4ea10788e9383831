/* README.md, as its reader takes it: what it says to run works, and prints so. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/net.h"
#include "support/run.h"

static const char *in_source(const char *name)
{
	static char path[1024];
	const char *source = getenv("TCPSHADOW_SOURCE");

	snprintf(path, sizeof(path), "%s/%s", source ? source : ".", name);
	return path;
}

Test(readme, its_commands_run_and_print_what_it_says)
{
	const char *build = getenv("TCPSHADOW_BUILD");
	const char *source = getenv("TCPSHADOW_SOURCE");
	struct run run;

	if (!net_isolate())
		cr_skip_test("needs root: port 5188 in a namespace of its own");
	cr_expect_eq(
		run_all(&run, false, NULL,
			ARGV("python3", "-B", in_source("tests/tree/readme.py"),
			     source ? source : ".", build ? build : "build")),
		0, "%s%s", run_output(&run), run_errors(&run));
	run_end(&run);
}

Test(readme, the_demo_plays_its_story)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(in_source("examples/demo"))),
		     0, "%s", run_errors(&run));
	run_output(&run);
	cr_expect(strstr(run.text, "is held: 1 LISTEN"), "%s", run.text);
	cr_expect(strstr(run.text, "the client's socket: CLOSE-WAIT\n"), "%s",
		  run.text);
	cr_expect(strstr(run.text, "the server's socket: FIN-WAIT-2\n"), "%s",
		  run.text);
	cr_expect(strstr(run.text, "[write-after-peer-close]"), "%s", run.text);
	cr_expect(strstr(run.text, "[sigpipe-death]"), "%s", run.text);
	cr_expect(strstr(run.text, "ended with status 141"), "%s", run.text);
	run_end(&run);
}

/* All that has been promised, each with a line in `make help`. */
Test(readme, make_help_lists_every_target)
{
	static const char *const targets[] = {
		"all",  "help",    "demo",     "test",      "bench",
		"lint", "format",  "sanitize", "fuzz",      "coverage",
		"soak", "install", "deb",      "uninstall", "clean",
	};
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV("env", "-u", "MAKEFLAGS", "make",
				  "--no-print-directory", "-C", in_source(""),
				  "help")),
		     0, "%s", run_errors(&run));
	run_output(&run);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char line[32];

		snprintf(line, sizeof(line), "\n  %s ", targets[i]);
		cr_expect(strstr(run.text, line) ||
				  strncmp(run.text, line + 1,
					  strlen(line + 1)) == 0,
			  "no target %s:\n%s", targets[i], run.text);
	}
	run_end(&run);
}
