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
	char text[96];
};

static inline struct criterion_test_params list_scenarios(const char *program)
{
	static struct scenario_name names[256];
	size_t count = 0;
	FILE *stream = popen(run_program(program), "r");

	while (stream && count < 256 &&
	       fscanf(stream, "%95s", names[count].text) == 1)
		count++;
	if (!stream || pclose(stream) != 0)
		count = 0;
	return cr_make_param_array(struct scenario_name, names, count);
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
