/*
 * The ends that no call shows as they come. tests/programs/endings brings them
 * about and tells which way the kernel went.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/scenarios.h"

SCENARIOS(endings, are_told_as_they_were, "endings")
