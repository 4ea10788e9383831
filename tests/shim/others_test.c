/*
 * Lines of the library that well-behaved programs hardly run: what
 * tests/programs says and does is the same with and without it, byte by byte,
 * and the log is what the program expects.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "support/expect.h"
#include "support/scenarios.h"

/* Writes on credit are for those in quick succession: nothing here is slow. */
static const char *const environment[] = { "TCPSHADOW_SILENCE=60000", NULL };

static void same(const char *program, const char *scenario)
{
	const char *const *argv = ARGV(run_program(program), scenario);
	struct run plain;
	struct run shadowed;
	char *expected;

	run_all(&plain, false, environment, argv);
	expect_possible(&plain);
	expected = strdup(run_output(&plain));
	cr_expect(plain.status == 0 || plain.status > 128,
		  "%s without the library ends with %d: %s", scenario,
		  plain.status, run_errors(&plain));
	run_all(&shadowed, true, environment, argv);
	cr_expect_eq(plain.status, shadowed.status, "%s: %d, then %d: %s",
		     scenario, plain.status, shadowed.status,
		     run_errors(&shadowed));
	cr_expect_str_eq(run_output(&shadowed), expected, "%s", scenario);
	cr_expect(expect_log(&shadowed), "%s", scenario);
	free(expected);
	run_end(&plain);
	run_end(&shadowed);
}

#define SAME(program)                                                      \
	ParameterizedTestParameters(others, program)                       \
	{                                                                  \
		return list_scenarios(#program);                           \
	}                                                                  \
	ParameterizedTest(struct scenario_name *scenario, others, program) \
	{                                                                  \
		same(#program, scenario->text);                            \
	}

SAME(others)
SAME(credit)
SAME(syscalls)
SAME(high)
SAME(executes)
SAME(passing)
SAME(broken)
SAME(options)
SAME(peers)
