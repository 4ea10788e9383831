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

/* Where no stacks are kept no line ends before one. */
static void without_stacks(const char *const *argv)
{
	struct run run;

	run_all(&run, true, ARGV("TCPSHADOW_STACKS=off"), argv);
	expect_possible(&run);
	cr_expect_eq(run.status, 0, "%s", run_errors(&run));
	cr_expect(strstr(run_log(&run), "    help: "), "%s", run.text);
	cr_expect_not(strstr(run.text, "by:\n"), "%s", run.text);
	run_end(&run);
}

Test(conflicts, are_explained_without_stacks)
{
	without_stacks(ARGV(run_example("descriptors-exhausted/bad")));
}

Test(conflicts, with_own_sockets_are_explained_without_stacks)
{
	without_stacks(ARGV(run_program("sources"),
			    "source_port_that_the_program_has_closed"));
	without_stacks(ARGV(run_program("sources"), "server_among_high_ports"));
}

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
}

Test(conflicts, are_explained_where_the_option_is_tried_and_no_port_is_left)
{
	const char *const *environment =
		ARGV("TCPSHADOW_REUSEADDR=on-conflict");

	cr_expect(expect_scenario("exhausted", "no_port_left_to_bind_to",
				  environment));
	cr_expect(expect_scenario("exhausted", "no_port_left_to_listen_on",
				  environment));
}
