/*
 * The rules by number, slug and severity.
 *
 * Owns: the table of rules.def. Called by: everybody.
 * Pure: no I/O, no allocation, async-signal-safe.
 */
#ifndef MODEL_RULE_H
#define MODEL_RULE_H

enum severity {
	SEVERITY_NOTE,
	SEVERITY_WARNING,
	SEVERITY_ERROR,
};

enum rule {
#define RULE(name, slug, severity, summary) RULE_##name,
#include "model/rules.def"
#undef RULE
	RULE_COUNT
};

/* "sigpipe-death" */
const char *rule_slug(enum rule rule);

/* What a program that breaks the rule does, one clause. */
const char *rule_summary(enum rule rule);

enum severity rule_severity(enum rule rule);

/* "error", "warning" or "note" */
const char *severity_name(enum severity severity);

#endif
