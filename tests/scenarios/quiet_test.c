/*
 * On a healthy connection the library makes no system call of its own: two
 * hundred exchanges more cost what they cost without it.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "support/scenarios.h"
#include "support/trace.h"

static long cost(bool shadowed, const char *exchange)
{
	const char *program = run_program("quiet");
	long few = trace_count(shadowed, ARGV(program, exchange, "100"), NULL);
	long many = trace_count(shadowed, ARGV(program, exchange, "300"), NULL);

	cr_assert(few > 0 && many > few);
	return many - few;
}

ParameterizedTestParameters(quiet, exchange_costs_no_call_more)
{
	return list_scenarios("quiet");
}

ParameterizedTest(struct scenario_name *exchange, quiet,
		  exchange_costs_no_call_more)
{
	long shadowed = cost(true, exchange->text);
	long plain = cost(false, exchange->text);
	struct run run;

	/* At the end of the program a lookup more or less. */
	cr_expect_leq(labs(shadowed - plain), 5,
		      "%s: %ld, without the library %ld", exchange->text,
		      shadowed, plain);
	/* It is not for want of the library. */
	run_all(&run, true, NULL,
		ARGV(run_program("quiet"), exchange->text, "1"));
	cr_expect(strstr(run_log(&run), " -> ESTABLISHED"), "%s", run.text);
	run_end(&run);
}
