/*
 * The pages of docs/rules, carried in the command so that none can be lost.
 *
 * Owns: the texts, which the build makes of the Markdown files. Called by:
 * explain, the reports that quote a rule's page. Pure.
 */
#ifndef COMMAND_PAGES_H
#define COMMAND_PAGES_H

#include <stdbool.h>

#include "model/rule.h"

/* Markdown; "" for a rule without a page, which a test forbids. */
const char *page_of_rule(enum rule rule);

/* Does the rule's page have this word, such as a state or an errno? */
bool page_mentions(enum rule rule, const char *word);

#endif
