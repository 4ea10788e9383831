/*
 * What is left open, or left behind. tests/programs/leaks does it and tells
 * what the log must say. With a time of 0 s in CLOSE_WAIT a leak is told at the
 * next call.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/scenarios.h"

ParameterizedTestParameters(leaks, are_told)
{
	return list_scenarios("leaks");
}

ParameterizedTest(struct scenario_name *scenario, leaks, are_told)
{
	static const char *const at_once[] = { "TCPSHADOW_CLOSE_WAIT=0", NULL };

	cr_assert(expect_scenario("leaks", scenario->text, at_once), "%s",
		  scenario->text);
}

Test(leaks, connection_that_may_stay_for_years_is_none)
{
	static const char *const years[] = { "TCPSHADOW_CLOSE_WAIT=536870912",
					     NULL };

	cr_assert(expect_scenario("leaks", "connection_that_may_stay_for_years",
				  years));
}

static const char *const second[] = { "TCPSHADOW_CLOSE_WAIT=1", NULL };

Test(leaks, answer_after_a_half_close_is_none)
{
	cr_assert(
		expect_scenario("leaks", "answer_after_a_half_close", second));
}

Test(leaks, connection_that_is_left_alone_is_told)
{
	cr_assert(expect_scenario("leaks", "connection_that_is_left_alone",
				  second));
}

Test(leaks, connection_that_is_left_alone_to_the_end_is_told)
{
	cr_assert(expect_scenario(
		"leaks", "connection_that_is_left_alone_to_the_end", second));
}
