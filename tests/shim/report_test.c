/*
 * What it takes to begin a finding: the library without its wrappers, and with
 * suppressions that are counted.
 */
#include <criterion/criterion.h>

#include "shim/report.h"
#include "shim/suppressed.h"

static int searches;

void suppressed_start(void)
{
}

bool suppressed_is(enum rule rule, uint32_t stack)
{
	(void)rule;
	(void)stack;
	searches++;
	return false;
}

static bool refused(uint16_t port)
{
	struct address address = { .family = 2, .port = port };
	struct subject subject = report_process();
	struct report report;

	if (!report_begin_about(&report, RULE_CONNECT_REFUSED, &subject,
				__builtin_return_address(0), &address))
		return false;
	report_end(&report);
	return true;
}

/* The names of all frames of a stack are looked for in such a search. */
Test(report, what_comes_again_is_not_looked_for_in_the_suppressions)
{
	int before = 0;

	for (int i = 0; i < 10; i++) {
		cr_expect_eq(refused(1), i == 0);
		if (i == 0)
			before = searches;
	}
	cr_expect_gt(before, 0);
	cr_expect_eq(searches, before);
	cr_expect(refused(2));
	cr_expect_gt(searches, before);
}
