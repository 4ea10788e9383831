/*
 * The file of the option `suppressions`: findings that are known.
 *
 * Owns: its text, in memory of its own. Called by: process (the constructor),
 * report. Not on the data path. suppressed_is is async-signal-safe.
 */
#ifndef SHIM_SUPPRESSED_H
#define SHIM_SUPPRESSED_H

#include <stdbool.h>
#include <stdint.h>

#include "model/rule.h"

/*
 * Reads the file, and tells what is wrong with it. Called once, by the
 * constructor.
 */
void suppressed_start(void);

/* Is a finding of this rule with this stack one that is known? */
bool suppressed_is(enum rule rule, uint32_t stack);

#endif
