/*
 * What SARIF says of the tool: its rules, with their pages of docs/rules, and
 * its notifications (what could not be seen is no result).
 *
 * Called by: render_sarif. Allocates; the caller owns what is returned.
 */
#ifndef COMMAND_SARIF_RULES_H
#define COMMAND_SARIF_RULES_H

#include <jansson.h>

#include "model/rule.h"

enum sarif_notification { SARIF_BLIND_SPOT, SARIF_LOST_EVENTS, SARIF_UNTOLD };

json_t *sarif_tool(void);

/* ruleIndex of a result. */
int sarif_rule_index(enum rule rule);

/* The descriptor of a notification, as a reference. */
json_t *sarif_descriptor(enum sarif_notification notification);

#endif
