/*
 * Turns the scenarios that a test program lists into parameters of a Criterion
 * test: SCENARIOS(suite, name, "program").
 */
#ifndef SUPPORT_SCENARIOS_H
#define SUPPORT_SCENARIOS_H

#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "support/run.h"

struct scenario_name {
	char program[32];
	char text[96];
};

/* Of several programs, one after the other; NULL ends them. */
static inline struct criterion_test_params
list_scenarios_of(const char *const *programs)
{
	static struct scenario_name names[256];
	size_t count = 0;
	bool good = true;

	for (; *programs; programs++) {
		FILE *stream = popen(run_program(*programs), "r");

		while (stream && count < 256 &&
		       fscanf(stream, "%95s", names[count].text) == 1)
			snprintf(names[count++].program, sizeof(names->program),
				 "%s", *programs);
		good &= stream && pclose(stream) == 0;
	}
	return cr_make_param_array(struct scenario_name, names,
				   good ? count : 0);
}

static inline struct criterion_test_params list_scenarios(const char *program)
{
	return list_scenarios_of((const char *const[]){ program, NULL });
}

/* Every scenario of the program, with and without the library, as expected. */
#define SCENARIOS(suite, name, program)                                   \
	ParameterizedTestParameters(suite, name)                          \
	{                                                                 \
		return list_scenarios(program);                           \
	}                                                                 \
	ParameterizedTest(struct scenario_name *scenario, suite, name)    \
	{                                                                 \
		cr_assert(expect_scenario(program, scenario->text, NULL), \
			  "%s", scenario->text);                          \
	}

#endif
