#include "command/explain.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/nearest.h"
#include "command/pages.h"
#include "command/say.h"
#include "model/machine.h"
#include "model/rule.h"
#include "model/state.h"

static const struct {
	int number;
	const char *name;
	const char *meaning;
} errnos[] = {
#define ERRNO(n, m) { .number = n, .name = #n, .meaning = m },
#include "model/errnos.def"
#undef ERRNO
};

enum { ERRNO_COUNT = sizeof(errnos) / sizeof(errnos[0]) };

/* Second names that libc gives to a number. */
static const struct {
	const char *name;
	int number;
} aliases[] = {
	{ .name = "EWOULDBLOCK", .number = EWOULDBLOCK },
	{ .name = "ENOTSUP", .number = ENOTSUP },
};

enum { ALIAS_COUNT = sizeof(aliases) / sizeof(aliases[0]) };

/* Where the kernel's word on a state is not the whole truth. */
static const char *const caveats[ST_COUNT] = {
	[ST_CLOSED] = "Of these, sock_diag shows only sockets that are bound, "
		      "and only when asked for state 13 "
		      "(TCP_BOUND_INACTIVE, Linux 6.8): ss does not ask. Why a "
		      "socket is closed (refused, reset, timed out, both "
		      "sides done) is not to be seen.",
	[ST_SYN_RCVD] = "After a passive open there is no socket yet but a "
			"request (12, TCP_NEW_SYN_RECV), which no descriptor "
			"leads to: sock_diag alone shows it.",
	[ST_FIN_WAIT_2] = "Once no process holds it, it ends after "
			  "net.ipv4.tcp_fin_timeout (60 s), whatever the peer "
			  "does.",
	[ST_CLOSE_WAIT] = "It lasts until the program closes: there is no "
			  "time limit.",
	[ST_TIME_WAIT] = "TCP_INFO never says so: an open descriptor whose "
			 "connection is in TIME_WAIT reads CLOSED. It lasts "
			 "60 s; no option of the kernel changes that.",
};

static FILE *open_text(char **text)
{
	size_t size;

	*text = NULL;
	return need_memory(open_memstream(text, &size));
}

static char *close_text(FILE *out, char **text)
{
	fclose(out);
	return need_memory(*text);
}

static void add_rules(FILE *out, const char *word)
{
	const char *heading = "\n## Rules that speak of it\n\n";

	for (int i = 0; i < RULE_COUNT; i++) {
		if (!page_mentions((enum rule)i, word))
			continue;
		fprintf(out, "%s- %s: %s\n", heading, rule_slug((enum rule)i),
			rule_summary((enum rule)i));
		heading = "";
	}
}

static void add_edges(FILE *out, enum tcp_state state, bool out_of)
{
	size_t count;
	const struct edge *edges = machine_edges(&count);

	fprintf(out, "\n## %s\n\n",
		out_of ? "Where it goes" : "Where it comes from");
	for (size_t i = 0; i < count; i++) {
		const struct edge *edge = &edges[i];

		if ((out_of ? edge->from : edge->to) != state)
			continue;
		fprintf(out, "- %s: %s (%s; RFC 9293, section %s)\n",
			state_name(out_of ? edge->to : edge->from), edge->text,
			machine_event_text(edge->event), edge->section);
	}
}

static char *state_page(enum tcp_state state)
{
	const char *name = state_name(state);
	char *text;
	FILE *out = open_text(&text);

	fprintf(out, "# %s\n\n%c%s.\n", name,
		toupper((unsigned char)state_meaning(state)[0]),
		state_meaning(state) + 1);
	add_edges(out, state, false);
	add_edges(out, state, true);
	fprintf(out, "\n## In the kernel\n\nState %u, %s.", state_kernel(state),
		state_kernel_name(state));
	if (caveats[state])
		fprintf(out, " %s", caveats[state]);
	fprintf(out,
		"\n\n## How to look\n\n```\nss -tanp state %s\n"
		"tcpshadow port PORT\n```\n",
		state_ss_name(state));
	add_rules(out, name);
	return close_text(out, &text);
}

static char *errno_page(int index)
{
	char *text;
	FILE *out = open_text(&text);

	fprintf(out,
		"# %s\n\nOn a TCP socket: %s.\n\n## In libc\n\n"
		"Number %d, \"%s\".\n",
		errnos[index].name, errnos[index].meaning, errnos[index].number,
		strerror(errnos[index].number));
	add_rules(out, errnos[index].name);
	return close_text(out, &text);
}

/* The page itself, with what the table says put under its title. */
static char *rule_page(enum rule rule)
{
	const char *page = page_of_rule(rule);
	size_t title = strcspn(page, "\n");
	char *text;
	FILE *out = open_text(&text);

	fprintf(out, "%.*s\n\n%c%s: %s.\n%s", (int)title, page,
		toupper((unsigned char)severity_name(rule_severity(rule))[0]),
		severity_name(rule_severity(rule)) + 1, rule_summary(rule),
		page + title + (page[title] == '\n'));
	return close_text(out, &text);
}

static enum tcp_state find_state(const char *word)
{
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		enum tcp_state state = (enum tcp_state)i;

		if (nearest_is_same(word, state_name(state)) ||
		    nearest_is_same(word, state_kernel_name(state)) ||
		    nearest_is_same(word, state_ss_name(state)))
			return state;
	}
	return ST_UNKNOWN;
}

/* -1: none. */
static int number_of(const char *word)
{
	for (int i = 0; i < ALIAS_COUNT; i++) {
		if (nearest_is_same(word, aliases[i].name))
			return aliases[i].number;
	}
	if (word[0] == '\0' || strlen(word) > 4 ||
	    word[strspn(word, "0123456789")] != '\0')
		return -1;
	return atoi(word);
}

static int find_errno(const char *word)
{
	int number = number_of(word);

	for (int i = 0; i < ERRNO_COUNT; i++) {
		if (errnos[i].number == number ||
		    nearest_is_same(word, errnos[i].name))
			return i;
	}
	return -1;
}

char *explain_page(const char *word)
{
	enum tcp_state state = find_state(word);
	int index = find_errno(word);

	if (state != ST_UNKNOWN)
		return state_page(state);
	if (index >= 0)
		return errno_page(index);
	for (int i = 0; i < RULE_COUNT; i++) {
		if (nearest_is_same(word, rule_slug((enum rule)i)))
			return rule_page((enum rule)i);
	}
	return NULL;
}

char *explain_list(void)
{
	char *text;
	FILE *out = open_text(&text);

	fputs("# Rules\n\n", out);
	for (int i = 0; i < RULE_COUNT; i++)
		fprintf(out, "- %s (%s): %s\n", rule_slug((enum rule)i),
			severity_name(rule_severity((enum rule)i)),
			rule_summary((enum rule)i));
	fputs("\n# States\n\n", out);
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++)
		fprintf(out, "- %s: %s\n", state_name((enum tcp_state)i),
			state_meaning((enum tcp_state)i));
	fputs("\n# Error numbers\n\n", out);
	for (int i = 0; i < ERRNO_COUNT; i++)
		fprintf(out, "- %s (%d): %s\n", errnos[i].name,
			errnos[i].number, errnos[i].meaning);
	return close_text(out, &text);
}

char *explain_near(const char *word)
{
	enum { NAME_COUNT = RULE_COUNT + ST_COUNT + ERRNO_COUNT };
	const char *names[NAME_COUNT];
	const char *near[NEAREST_MAX];
	size_t count = 0;
	char *text;
	FILE *out;

	for (int i = 0; i < RULE_COUNT; i++)
		names[count++] = rule_slug((enum rule)i);
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++)
		names[count++] = state_name((enum tcp_state)i);
	for (int i = 0; i < ERRNO_COUNT; i++)
		names[count++] = errnos[i].name;
	count = nearest_names(word, names, count, near);
	if (count == 0)
		return NULL;
	out = open_text(&text);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s",
			i == 0 ? "" : (i + 1 == count ? " or " : ", "),
			near[i]);
	return close_text(out, &text);
}
