/*
 * All eleven states, brought about on loopback by tests/programs/states, which
 * asks the kernel on the way and tells what the log must show.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/scenarios.h"

SCENARIOS(states, follow_the_kernel, "states")
