#include "command/sarif_rules.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/markdown.h"
#include "command/pages.h"
#include "command/say.h"

enum { COLUMNS = 80 };

#define LOST_EVENTS "lost-events"
#define UNTOLD "untold-findings"

/* "sigpipe-death" is SigpipeDeath. */
static char *pascal_case(const char *slug)
{
	char *name = need_memory(calloc(1, strlen(slug) + 1));
	char *at = name;
	bool first = true;

	for (; *slug; slug++) {
		if (*slug == '-') {
			first = true;
			continue;
		}
		*at++ = first ? (char)toupper((unsigned char)*slug) : *slug;
		first = false;
	}
	return name;
}

/* A clause, as a sentence. */
static json_t *sentence(const char *clause)
{
	return json_pack("{s:o}", "text",
			 json_sprintf("%c%s.",
				      toupper((unsigned char)clause[0]),
				      clause + 1));
}

/* The first section of the page. */
static json_t *what_happened(const char *page)
{
	static const char heading[] = "## What happened\n\n";
	const char *start = strstr(page, heading);
	size_t length;

	if (!start)
		return NULL;
	start += sizeof(heading) - 1;
	length = strcspn(start, "\n");
	return json_pack("{s:s%}", "text", start, length);
}

static json_t *help(const char *page)
{
	struct paper paper = { .coloured = false };
	char *text = NULL;
	size_t size = 0;
	json_t *both;

	paper.out = need_memory(open_memstream(&text, &size));
	markdown_print(page, COLUMNS, &paper);
	fclose(paper.out);
	both = json_pack("{s:s, s:s}", "text", text, "markdown", page);
	free(text);
	return both;
}

static json_t *rule_descriptor(enum rule rule)
{
	const char *page = page_of_rule(rule);
	char *name = pascal_case(rule_slug(rule));
	json_t *descriptor = json_pack(
		"{s:s, s:s, s:o, s:o*, s:o, s:{s:s}, s:{s:[s,s]}}", "id",
		rule_slug(rule), "name", name, "shortDescription",
		sentence(rule_summary(rule)), "fullDescription",
		what_happened(page), "help", help(page), "defaultConfiguration",
		"level", severity_name(rule_severity(rule)), "properties",
		"tags", "tcp", "network");

	free(name);
	return need_memory(descriptor);
}

int sarif_rule_index(enum rule rule)
{
	return (int)rule - (rule > RULE_BLIND_SPOT);
}

static json_t *all_rules(void)
{
	json_t *rules = need_memory(json_array());

	for (int i = 0; i < RULE_COUNT; i++) {
		if (i != RULE_BLIND_SPOT)
			json_array_append_new(rules,
					      rule_descriptor((enum rule)i));
	}
	return rules;
}

static json_t *notification(const char *id, const char *name, const char *level,
			    const char *what, const char *help)
{
	return json_pack("{s:s, s:s, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}", "id",
			 id, "name", name, "shortDescription", "text", what,
			 "fullDescription", "text", what, "help", "text", help,
			 "defaultConfiguration", "level", level);
}

static json_t *all_notifications(void)
{
	return json_pack(
		"[o, o, o]", rule_descriptor(RULE_BLIND_SPOT),
		notification(LOST_EVENTS, "LostEvents", "warning",
			     "Events were lost between the program and "
			     "tcpshadow.",
			     "The program made events faster than tcpshadow "
			     "could read them, or was killed while it wrote "
			     "one. What they told is not in this report."),
		notification(UNTOLD, "UntoldFindings", "note",
			     "There were more findings of a rule than a "
			     "process tells.",
			     "Of each rule a process tells the findings at the "
			     "first places, and counts those at all others."));
}

json_t *sarif_descriptor(enum sarif_notification notification)
{
	const char *ids[] = { [SARIF_BLIND_SPOT] = rule_slug(RULE_BLIND_SPOT),
			      [SARIF_LOST_EVENTS] = LOST_EVENTS,
			      [SARIF_UNTOLD] = UNTOLD };

	return json_pack("{s:s, s:i}", "id", ids[notification], "index",
			 (int)notification);
}

json_t *sarif_tool(void)
{
	return json_pack("{s:{s:s, s:s, s:s, s:o, s:o}}", "driver", "name",
			 "tcpshadow", "version", TCPSHADOW_VERSION,
			 "semanticVersion", TCPSHADOW_VERSION, "rules",
			 all_rules(), "notifications", all_notifications());
}
