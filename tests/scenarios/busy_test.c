/*
 * "Address already in use": every holder, with every combination of
 * SO_REUSEADDR and SO_REUSEPORT on the old and the new socket. The outcome is
 * the kernel's; class, state, owner, seconds left and the verdict on
 * SO_REUSEADDR in the log are right.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/expect.h"
#include "support/log.h"
#include "support/scenarios.h"
#include "support/trace.h"

static const char *const flags[] = { "-", "A", "P", "AP" };

enum { FLAG_COUNT = 4 };

/*
 * The outcomes as measured on Linux 6: rows are the old socket's flags (-, A,
 * P, AP), columns the new one's. `.` bound, `B` EADDRINUSE.
 */
static const char free_always[] = "................";
static const char never[] = "BBBBBBBBBBBBBBBB";
static const char reuseport_only[] = "BBBBBBBBBB..BB..";
static const char two_sided[] = "BBBBB.B.BB..B...";
static const char two_sided_other_user[] = "BBBBB.B.BBBBB.B.";

static const struct {
	const char *holder;
	const char *outcomes;
} table[] = {
	{ "nothing", free_always },
	{ "listener", reuseport_only },
	{ "listener_of_another_user", never },
	{ "inherited_by_a_child", reuseport_only },
	{ "listener_in_a_message", reuseport_only },
	{ "listener_of_another_namespace", reuseport_only },
	{ "wildcard_against_specific", reuseport_only },
	{ "specific_against_wildcard", reuseport_only },
	{ "another_specific_address", free_always },
	{ "dual_stack_against_ipv4", reuseport_only },
	{ "v6only_against_ipv4", free_always },
	{ "ipv4_against_dual_stack", reuseport_only },
	{ "ipv4_against_v6only", free_always },
	{ "dual_stack_against_loopback", reuseport_only },
	{ "ipv6_loopback_against_ipv4", free_always },
	{ "bound_of_another_user", two_sided_other_user },
	{ "time_wait_beside_its_listener", reuseport_only },
};

static char expected_outcome(const char *holder, int old, int new)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].holder, holder) == 0)
			return table[i].outcomes[old * FLAG_COUNT + new];
	}
	return two_sided[old * FLAG_COUNT + new];
}

/* A TIME_WAIT of a moment ago lasts the 60 s of the kernel. */
static bool seconds_are_right(const char *log)
{
	const char *wait = strstr(log, "holder: time-wait");
	const char *at = wait ? strstr(wait, " s left") : NULL;
	int seconds = 0;

	if (!at)
		return true;
	while (at > log && at[-1] >= '0' && at[-1] <= '9')
		at--;
	sscanf(at, "%d", &seconds);
	return seconds > 50 && seconds <= 60;
}

ParameterizedTestParameters(busy, port_is_explained)
{
	return list_scenarios("busy");
}

ParameterizedTest(struct scenario_name *holder, busy, port_is_explained)
{
	if (geteuid() != 0)
		cr_skip_test("needs root for a network namespace");
	for (int cell = 0; cell < FLAG_COUNT * FLAG_COUNT; cell++) {
		int old = cell / FLAG_COUNT;
		int new = cell % FLAG_COUNT;
		char outcome = 0;
		struct run run;

		cr_expect_eq(run_all(&run, true, NULL,
				     ARGV(run_program("busy"), holder->text,
					  flags[old], flags[new])),
			     0, "%s: %s", holder->text, run_errors(&run));
		sscanf(strstr(run_output(&run), "outcome ")
			       ? strstr(run.text, "outcome ")
			       : "",
		       "outcome %c", &outcome);
		cr_expect_eq(outcome, expected_outcome(holder->text, old, new),
			     "%s %s/%s: %c", holder->text, flags[old],
			     flags[new], outcome);
		cr_expect(seconds_are_right(run_log(&run)), "%s", run.text);
		cr_expect(expect_log(&run), "%s %s/%s", holder->text,
			  flags[old], flags[new]);
		run_end(&run);
	}
}

Test(busy, kernel_table_is_read_in_one_pass)
{
	if (geteuid() != 0)
		cr_skip_test("needs root for a network namespace");
	cr_expect_eq(
		trace_count(true,
			    ARGV(run_program("busy"), "listener", "-", "A"),
			    trace_asks_for_a_table),
		1);
}
