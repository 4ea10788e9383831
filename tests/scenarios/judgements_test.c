/*
 * Where a finding would be wrong, or is easily missed. tests/programs/judgements
 * brings it about and tells what the log must and must not say.
 */
#include <criterion/criterion.h>

#include "support/expect.h"
#include "support/scenarios.h"

SCENARIOS(judgements, are_right, "judgements")
