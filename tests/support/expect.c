#include "support/expect.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/log.h"

enum { SKIPPED = 77 };

static bool holds(const char *line, const char *log)
{
	char states[1024];
	int number;

	if (strncmp(line, "expect ", 7) == 0)
		return strstr(log, line + 7) != NULL;
	if (strncmp(line, "refuse ", 7) == 0)
		return strstr(log, line + 7) == NULL;
	if (sscanf(line, "path %d %1023s", &number, states) == 2)
		return strcmp(log_path(log, 0, number), states) == 0;
	if (sscanf(line, "least %d %1023[^\n]", &number, states) == 2) {
		const char *at = strstr(log, states);

		return at && atoi(at + strlen(states)) >= number;
	}
	if (sscanf(line, "findings %d %1023s", &number, states) == 2)
		return log_findings(log, states) == number;
	return true;
}

bool expect_silence(struct run *run)
{
	const char *output = run_output(run);

	return strncmp(output, "silent ", 7) == 0 ||
	       strstr(output, "\nsilent ");
}

bool expect_log(struct run *run)
{
	bool silent = expect_silence(run);
	char *expected = strdup(run_output(run));
	const char *log = run_log(run);
	bool good = log_errors(log) == 0;
	char *rest = expected;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (holds(line, log))
			continue;
		fprintf(stderr, "does not hold: %s\n", line);
		good = false;
	}
	if (silent != (log[0] == '\0')) {
		fprintf(stderr, "the log is %s\n",
			silent ? "not empty" : "empty");
		good = false;
	}
	if (strstr(log, "[lost-track]")) {
		fprintf(stderr, "the library lost track\n");
		good = false;
	}
	if (!good)
		fprintf(stderr, "the log was:\n%s", log);
	free(expected);
	return good;
}

void expect_possible(struct run *run)
{
	char reason[256] = "?";
	const char *line;

	if (run->status != SKIPPED)
		return;
	line = strstr(run_output(run), "skip ");
	if (line)
		sscanf(line, "skip %255[^\n]", reason);
	run_end(run);
	cr_skip_test("%s", reason);
}

bool expect_scenario(const char *program, const char *scenario,
		     const char *const *environment)
{
	struct run run;
	int plain;
	int shadowed;
	bool good;

	plain = run_all(&run, false, environment,
			ARGV(run_program(program), scenario));
	expect_possible(&run);
	run_end(&run);
	shadowed = run_all(&run, true, environment,
			   ARGV(run_program(program), scenario));
	good = plain == shadowed && (plain == 0 || plain > 128);
	if (!good)
		fprintf(stderr, "%s %s: %d without, %d with the library: %s\n",
			program, scenario, plain, shadowed, run_errors(&run));
	good = expect_log(&run) && good;
	run_end(&run);
	return good;
}
