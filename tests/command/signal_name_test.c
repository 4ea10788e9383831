/* A signal has a name wherever it is told that it killed a process. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command/signal_name.h"
#include "support/run.h"

Test(signal_name, is_that_of_the_shell_or_the_number)
{
	cr_expect_str_eq(signal_name(SIGTERM).text, "SIGTERM");
	cr_expect_str_eq(signal_name(SIGRTMIN).text, "SIGRTMIN");
	cr_expect_str_eq(signal_name(SIGRTMIN + 2).text, "SIGRTMIN+2");
	cr_expect_str_eq(signal_name(SIGRTMAX + 1).text, "signal 65");
	cr_expect_str_eq(signal_name(0).text, "signal 0");
}

Test(signal_name, is_in_each_output)
{
	static const char script[] =
		"set -o pipefail; for output in junit sarif html; do"
		" \"$0\" run --$output=/dev/stdout \"$1\" dies $2 | cat;"
		" done";
	char number[16];
	const char *text;
	struct run run;
	int count = 0;

	snprintf(number, sizeof(number), "%d", SIGRTMIN + 2);
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV("bash", "-c", script, run_command(),
				  run_program("tree"), number)),
		     128 + SIGRTMIN + 2);
	cr_expect(strstr(run_errors(&run), "killed by SIGRTMIN+2 ("), "%s",
		  run.text);
	cr_expect_null(strstr(run_output(&run), "SIG(null)"), "%s", run.text);
	for (text = run.text; (text = strstr(text, "SIGRTMIN+2")); text++)
		count++;
	cr_expect_geq(count, 3, "%s", run.text);
	run_end(&run);
}
