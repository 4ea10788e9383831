/*
 * The sums of a finished run, as every summary gives them.
 *
 * Pure: reads the session. Called by: the renderers.
 */
#ifndef COMMAND_TOTALS_H
#define COMMAND_TOTALS_H

#include "command/session.h"

struct totals {
	unsigned int processes;
	unsigned int connections; /* two ends that are both here are one */
	unsigned int listeners;
	struct sums sockets; /* also of those that were counted and dropped */
	unsigned int by_rule[RULE_COUNT]; /* not suppressed, repeats counted */
	unsigned int untold[RULE_COUNT];  /* of these: those beyond the told */
	double seconds;
	bool incomplete; /* something could not be seen */
};

struct totals totals_of(const struct session *session);

#endif
