/*
 * States that a socket seldom passes through: tests/programs/passages brings
 * them about, asks the kernel, and tells what the log must show.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/scenarios.h"

SCENARIOS(passages, follow_the_kernel, "passages")
