#include "model/rule.h"

static const struct {
	const char *slug;
	const char *summary;
	enum severity severity;
} rules[RULE_COUNT] = {
#define RULE(n, s, v, t) \
	[RULE_##n] = { .slug = s, .summary = t, .severity = SEVERITY_##v },
#include "model/rules.def"
#undef RULE
};

static const char *const severities[] = {
	[SEVERITY_NOTE] = "note",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_ERROR] = "error",
};

const char *rule_slug(enum rule rule)
{
	return rules[rule].slug;
}

const char *rule_summary(enum rule rule)
{
	return rules[rule].summary;
}

enum severity rule_severity(enum rule rule)
{
	return rules[rule].severity;
}

const char *severity_name(enum severity severity)
{
	return severities[severity];
}
