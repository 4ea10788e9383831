/*
 * Holds a log against what the program under test itself expects of it (the
 * lines `expect`, `refuse`, `path` and `findings` of tests/programs/pair.h).
 */
#ifndef SUPPORT_EXPECT_H
#define SUPPORT_EXPECT_H

#include "support/run.h"

/*
 * Runs a scenario of a test program, without and with the library. The end has
 * to be the same, and the log as expected. Says on standard error what is not.
 * False then. The run without the library may be left out.
 */
bool expect_scenario(const char *program, const char *scenario,
		     const char *const *environment);

/* The same for a run that has ended, and its log. */
bool expect_log(struct run *run);

#endif
