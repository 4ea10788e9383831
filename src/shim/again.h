/*
 * Findings that come again: what became of the first one of a rule and stack,
 * and how many there were after it.
 *
 * Owns: the counts. Called by: report. Not on the data path. Lock-free,
 * async-signal-safe, allocates nothing; zeroed memory is no findings.
 */
#ifndef SHIM_AGAIN_H
#define SHIM_AGAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "model/rule.h"
#include "model/text.h"

enum again_fate {
	AGAIN_TOLD,
	AGAIN_UNTOLD,     /* there were too many of its rule */
	AGAIN_SUPPRESSED, /* it is known */
	AGAIN_MUTED,      /* ... and nobody counts it */
};

/* A rule and a stack, and an address where each is told. */
struct again;

/*
 * NULL: there is no room for more. *first: nothing was found there before.
 * address: NULL, none.
 */
struct again *again_find(enum rule rule, uint32_t stack,
			 const struct address *address, bool *first);

/* Was something found there before? */
bool again_has(enum rule rule, uint32_t stack, const struct address *address);

/* A number for its address; 0: of any. */
uint32_t again_about(const struct again *again);

/* What became of the first one; AGAIN_TOLD, unless another fate is given. */
void again_settle(struct again *again, enum again_fate fate);

/*
 * One more; without a finding that was told, or without room (NULL), it counts
 * as one at other places. True: it is one that counts for the program.
 */
bool again_add(struct again *again, enum rule rule);

/*
 * Tells what has come again since the last time: for each rule, stack and
 * address (AGAIN_TOLD, AGAIN_SUPPRESSED), and for each rule what was at other
 * places (AGAIN_UNTOLD, no stack).
 */
void again_tell(void (*tell)(enum again_fate fate, enum rule rule,
			     uint32_t stack, uint32_t about, uint32_t count));

/* In a forked child: what was counted so far is the parent's. */
void again_forget(void);

#endif
