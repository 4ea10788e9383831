/* tests/shim/stress without sanitizers; `make sanitize` runs it with them. */
#include <criterion/criterion.h>

#include "support/run.h"

Test(stress, of_what_threads_share)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_program("../shim/stress"))),
		     0, "%s", run_errors(&run));
	run_end(&run);
}
