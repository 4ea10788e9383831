/*
 * The findings of this process so far, in their order: what a test may count.
 *
 * Owns: the count, and the rules of the newest TALLY_KEPT findings. Called by:
 * report, public. Not on the data path. Lock-free, async-signal-safe; zeroed
 * memory is no findings.
 */
#ifndef SHIM_TALLY_H
#define SHIM_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/rule.h"

enum { TALLY_KEPT = 8192 };

void tally_add(enum rule rule);

/* How many there have been. */
uint64_t tally_count(void);

/*
 * How many of those since the count was `mark` are wanted; -1 when there have
 * been more than are kept.
 */
int tally_since(uint64_t mark, const bool wanted[static RULE_COUNT]);

#endif
