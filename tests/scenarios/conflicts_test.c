/*
 * Conflicts over ports and addresses that the table of busy_test has no row
 * for. tests/programs/conflicts brings them about and tells what the log must
 * and must not say.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/scenarios.h"

SCENARIOS(conflicts, are_explained, "conflicts")

/* What the option cannot cure: the program sees what it sees without. */
Test(conflicts, that_the_option_does_not_cure_are_left_as_they_were)
{
	static const char *const scenarios[] = {
		"option_that_does_not_help_is_not_left_set",
		"owners_beyond_those_shown_are_counted",
		"holders_beyond_those_shown_are_counted",
		"mapped_address_is_that_of_ipv4",
		"address_of_no_family_is_left_unexplained",
		"no_port_left_to_bind_to",
		"no_port_left_to_listen_on",
	};
	const char *const *environment =
		ARGV("TCPSHADOW_REUSEADDR=on-conflict");

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		cr_expect(expect_scenario("conflicts", scenarios[i],
					  environment),
			  "%s", scenarios[i]);
}
