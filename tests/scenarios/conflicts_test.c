/*
 * Conflicts over ports and addresses that the table of busy_test has no row
 * for. tests/programs/conflicts brings them about and tells what the log must
 * and must not say.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/scenarios.h"

SCENARIOS(conflicts, are_explained, "conflicts")

SCENARIOS(conflicts, are_explained_in_a_crowd, "crowd")

SCENARIOS(conflicts, are_explained_where_no_port_is_left, "exhausted")

SCENARIOS(conflicts, are_explained_by_whose_port_it_is, "sources")

/* What the option cannot cure the program sees as it does without. */
Test(conflicts, are_explained_where_the_option_is_tried)
{
	static const char *const scenarios[] = {
		"option_that_does_not_help_is_not_left_set",
		"option_that_helps_is_told_once_for_a_place",
		"udp_port_is_nobodys_business",
		"owners_beyond_those_shown_are_counted",
		"holders_beyond_those_shown_are_counted",
		"mapped_address_is_that_of_ipv4",
		"address_of_no_family_is_left_unexplained",
	};
	const char *const *environment =
		ARGV("TCPSHADOW_REUSEADDR=on-conflict");

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		cr_expect(expect_scenario("conflicts", scenarios[i],
					  environment),
			  "%s", scenarios[i]);
	cr_expect(expect_scenario("exhausted", "no_port_left_to_bind_to",
				  environment));
	cr_expect(expect_scenario("exhausted", "no_port_left_to_listen_on",
				  environment));
}
