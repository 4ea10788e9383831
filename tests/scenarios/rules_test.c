/*
 * Every rule by its examples: bad earns exactly that rule, good earns nothing.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/rule.h"
#include "support/log.h"
#include "support/run.h"

enum { NOT_PERMITTED = 77 };

ParameterizedTestParameters(rules, are_earned_by_bad_and_not_by_good)
{
	static int numbers[RULE_COUNT];
	size_t count = 0;

	for (int i = 0; i < RULE_COUNT; i++) {
		if (i != RULE_LOST_TRACK && i != RULE_BLIND_SPOT)
			numbers[count++] = i;
	}
	return cr_make_param_array(int, numbers, count);
}

static int all_findings(const char *log)
{
	return log_severity(log, "error") + log_severity(log, "warning") +
	       log_severity(log, "note");
}

static int run_one(struct run *run, const char *slug, const char *which)
{
	/* The rules that have to be asked for. */
	const char *const environment[] = {
		strcmp(slug, "reuseaddr-applied") == 0
			? "TCPSHADOW_REUSEADDR=on-conflict"
		: strcmp(slug, "left-open") == 0 ? "TCPSHADOW_LEFT_OPEN=on"
						 : NULL,
		NULL
	};
	char name[128];

	snprintf(name, sizeof(name), "%s/%s", slug, which);
	return run_all(run, true, environment, ARGV(run_example(name)));
}

ParameterizedTest(int *number, rules, are_earned_by_bad_and_not_by_good)
{
	const char *slug = rule_slug((enum rule) * number);
	struct run bad;
	struct run good;
	int status = run_one(&bad, slug, "bad");

	if (status == NOT_PERMITTED)
		cr_skip_test("needs a network namespace");
	cr_expect_eq(status, strcmp(slug, "sigpipe-death") == 0 ? 141 : 0,
		     "%s ends with %d: %s", slug, status, run_errors(&bad));
	cr_expect_eq(log_errors(run_log(&bad)), 0);
	cr_expect_geq(log_findings(bad.text, slug), 1, "%s: %s", slug,
		      bad.text);
	cr_expect_eq(all_findings(bad.text), log_findings(bad.text, slug),
		     "%s: %s", slug, bad.text);
	/* The finding says where, and what to do. */
	cr_expect(strstr(log_finding(bad.text, slug), "#0 "), "%s", bad.text);
	cr_expect(strstr(log_finding(bad.text, slug), "help: "), "%s",
		  bad.text);
	run_end(&bad);
	cr_expect_eq(run_one(&good, slug, "good"), 0, "%s: %s", slug,
		     run_errors(&good));
	cr_expect_eq(all_findings(run_log(&good)), 0, "%s: %s", slug,
		     good.text);
	run_end(&good);
}
