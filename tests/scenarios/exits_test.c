/*
 * How descriptors and processes end, where that is out of the ordinary:
 * tests/programs/exits brings it about and tells what the log must show.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/log.h"
#include "support/scenarios.h"

SCENARIOS(exits, are_told, "exits")

/* The counters of a number that leads elsewhere by now are not its own. */
Test(exits, are_told_where_connections_are_counted)
{
	static const char *const scenarios[] = {
		"number_that_leads_elsewhere_by_now",
		"time_wait_of_an_open_descriptor",
		"close_wait_is_expected_from_the_read_on",
	};

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		cr_expect(expect_scenario("public", scenarios[i],
					  ARGV("TCPSHADOW_COUNTERS=on")),
			  "%s", scenarios[i]);
}
