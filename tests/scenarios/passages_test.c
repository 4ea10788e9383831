/*
 * States that a socket seldom passes through: tests/programs/passages and
 * fast_open bring them about, ask the kernel, and tell what the log must show.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/scenarios.h"

SCENARIOS(passages, follow_the_kernel, "passages")

SCENARIOS(passages, of_fast_open_follow_the_kernel, "fast_open")
