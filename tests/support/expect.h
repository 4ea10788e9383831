/*
 * Holds a log against what the program under test itself expects of it (the
 * lines `expect`, `refuse`, `path`, `findings`, `least` and `silent` of
 * tests/programs/pair.h).
 */
#ifndef SUPPORT_EXPECT_H
#define SUPPORT_EXPECT_H

#include "support/run.h"

/*
 * Runs a scenario of a test program, without and with the library. The end has
 * to be the same, and the log as expected. Says on standard error what is not.
 * False then. Skips the test where it cannot be played. The run without the
 * library may be left out.
 */
bool expect_scenario(const char *program, const char *scenario,
		     const char *const *environment);

/*
 * Skips the test when the program could not do it here (skip, in
 * tests/programs/pair.h), and says why. For the run without the library: the
 * other one has to end as it does.
 */
void expect_possible(struct run *run);

/* The same for a run that has ended, and its log. */
bool expect_log(struct run *run);

/* Does it say that the library has nothing to tell of it? */
bool expect_silence(struct run *run);

#endif
