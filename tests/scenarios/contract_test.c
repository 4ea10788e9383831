/*
 * The contract: what a program can observe is the same with and without the
 * library. tests/programs/contract* print it; the two outputs are compared byte
 * by byte, with the log in a file, on standard error, and switched off: that
 * there is something in it shows that the library was there.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "support/expect.h"
#include "support/log.h"
#include "support/scenarios.h"

static const char *const programs[] = { "contract", "contract_signals",
					"contract_stack", NULL };

static void same_output(const struct scenario_name *name,
			const char *const *environment)
{
	const char *scenario = name->text;
	const char *const *argv = ARGV(run_program(name->program), scenario);
	struct run plain;
	struct run shadowed;
	char *expected;

	run_all(&plain, false, NULL, argv);
	expect_possible(&plain);
	run_all(&shadowed, true, environment, argv);
	expected = strdup(run_output(&plain));
	cr_expect(plain.status == 0 || plain.status > 128,
		  "%s ends with %d: %s", scenario, plain.status,
		  run_errors(&plain));
	cr_expect_eq(plain.status, shadowed.status, "%s: %d, then %d: %s",
		     scenario, plain.status, shadowed.status,
		     run_errors(&shadowed));
	cr_expect_str_eq(run_output(&shadowed), expected, "%s", scenario);
	cr_expect_eq(log_findings(run_log(&shadowed), "lost-track"), 0, "%s",
		     run_log(&shadowed));
	if (!environment)
		cr_expect(expect_log(&shadowed), "%s", scenario);
	else if (strcmp(environment[0], "TCPSHADOW_LOG=stderr") == 0)
		cr_expect_neq(!strstr(run_errors(&shadowed), "tcpshadow: "),
			      !expect_silence(&shadowed), "%s", scenario);
	else
		cr_expect_str_empty(run_errors(&shadowed), "%s", scenario);
	free(expected);
	run_end(&plain);
	run_end(&shadowed);
}

ParameterizedTestParameters(contract, holds)
{
	return list_scenarios_of(programs);
}

ParameterizedTest(struct scenario_name *scenario, contract, holds)
{
	same_output(scenario, NULL);
}

ParameterizedTestParameters(contract, holds_with_the_log_on_standard_error)
{
	return list_scenarios_of(programs);
}

ParameterizedTest(struct scenario_name *scenario, contract,
		  holds_with_the_log_on_standard_error)
{
	static const char *const environment[] = { "TCPSHADOW_LOG=stderr",
						   NULL };

	same_output(scenario, environment);
}

ParameterizedTestParameters(contract, holds_with_all_stacks_and_no_log)
{
	return list_scenarios_of(programs);
}

ParameterizedTest(struct scenario_name *scenario, contract,
		  holds_with_all_stacks_and_no_log)
{
	static const char *const environment[] = { "TCPSHADOW_LOG=off",
						   "TCPSHADOW_STACKS=all",
						   NULL };

	same_output(scenario, environment);
}
