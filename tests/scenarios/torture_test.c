/*
 * Torture: what tests/programs/torture_* do to descriptors, signals, threads,
 * processes and limits ends and prints the same with the library as without,
 * and the library never loses track. With TORTURE_FACTOR (make soak) they do it
 * that many times more often.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/expect.h"
#include "support/log.h"
#include "support/net.h"
#include "support/scenarios.h"

/* Of megabytes of text; a message of that size would stop Criterion for ever. */
static const char *last_words(struct run *run)
{
	enum { SHOWN = 4000 };
	const char *text = run_errors(run);
	size_t length = strlen(text);

	return length > SHOWN ? text + length - SHOWN : text;
}

/*
 * At length the connections of one scenario would leave no port to the next
 * one, for the minute of their TIME_WAIT.
 */
static void take_own_ports(void)
{
	FILE *range =
		net_isolate()
			? fopen("/proc/sys/net/ipv4/ip_local_port_range", "w")
			: NULL;

	if (!range)
		return;
	fputs("1024 65535", range);
	fclose(range);
}

static void same(const char *program, const char *scenario,
		 const char *const *environment)
{
	const char *const *argv = ARGV(run_program(program), scenario);
	struct run plain;
	struct run shadowed;
	char *expected;
	int status;

	status = run_all(&plain, false, NULL, argv);
	expect_possible(&plain);
	expected = strdup(run_output(&plain));
	cr_expect(status == 0 || status == 128 + SIGPIPE,
		  "%s without the library ends with %d: %s", scenario, status,
		  last_words(&plain));
	run_end(&plain);
	run_all(&shadowed, true, environment, argv);
	cr_expect_eq(status, shadowed.status, "%s: %d, then %d: %s", scenario,
		     status, shadowed.status, last_words(&shadowed));
	cr_expect_str_eq(run_output(&shadowed), expected, "%s", scenario);
	if (!environment)
		cr_expect(expect_log(&shadowed), "%s", scenario);
	else
		cr_expect_null(strstr(run_errors(&shadowed), "[lost-track]"),
			       "%s", last_words(&shadowed));
	free(expected);
	run_end(&shadowed);
}

/* With the log in a file, and with every text and stack on standard error. */
static void same_twice(const char *program, const char *scenario)
{
	static const char *const loud[] = { "TCPSHADOW_LOG=stderr",
					    "TCPSHADOW_STACKS=all",
					    "TCPSHADOW_SILENCE=0", NULL };

	take_own_ports();
	same(program, scenario, NULL);
	take_own_ports();
	same(program, scenario, loud);
}

#define TORTURE(name)                                                    \
	ParameterizedTestParameters(torture, name)                       \
	{                                                                \
		return list_scenarios("torture_" #name);                 \
	}                                                                \
	ParameterizedTest(struct scenario_name *scenario, torture, name) \
	{                                                                \
		same_twice("torture_" #name, scenario->text);            \
	}

TORTURE(numbers)
TORTURE(signals)
TORTURE(processes)
TORTURE(limits)
TORTURE(sandbox)
