#include "support/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"

enum { LINE_SIZE = 2048 };

/*
 * One line on its own. sscanf and strstr on the log itself would look at all
 * that follows, for each line: a log of 100,000 lines takes minutes then.
 */
static void take_line(char *line, const char *at)
{
	snprintf(line, LINE_SIZE, "%.*s", (int)strcspn(at, "\n"), at);
}

static bool parse(const char *at, struct log_line *out)
{
	char line[LINE_SIZE];
	int named = 0;
	int start = 0;

	take_line(line, at);
	out->name[0] = '\0';
	if (sscanf(line, "tcpshadow: %d fd %d %n\"%63[^\"]\" %n", &out->pid,
		   &out->fd, &start, out->name, &named) < 2 ||
	    start == 0)
		return false;
	if (sscanf(line + (named ? named : start),
		   "%63s %2s %63s %15s -> %15[A-Z_0-9]: %255[^\n]", out->local,
		   out->arrow, out->peer, out->from, out->to, out->cause) != 6)
		return false;
	return state_from_name(out->from) != ST_UNKNOWN &&
	       state_from_name(out->to) != ST_UNKNOWN &&
	       (strcmp(out->arrow, "->") == 0 ||
		strcmp(out->arrow, "<-") == 0 || strcmp(out->arrow, "--") == 0);
}

static const char *next_line(const char *at)
{
	const char *end = strchr(at, '\n');

	return end ? end + 1 : at + strlen(at);
}

struct log_line *log_transitions(const char *log, size_t *count)
{
	struct log_line *lines = NULL;

	*count = 0;
	for (const char *at = log; *at; at = next_line(at)) {
		struct log_line line;

		if (!parse(at, &line))
			continue;
		lines = realloc(lines, (*count + 1) * sizeof(*lines));
		lines[(*count)++] = line;
	}
	return lines;
}

/* "tcpshadow: 1 error: text [rule]" */
static bool parse_finding(const char *at, char *severity, char *rule)
{
	char line[LINE_SIZE];
	char text[1024];
	const char *bracket;
	int pid;

	take_line(line, at);
	if (sscanf(line, "tcpshadow: %d %7[a-z]: %1023[^\n]", &pid, severity,
		   text) != 3)
		return false;
	if (strcmp(severity, "error") != 0 &&
	    strcmp(severity, "warning") != 0 && strcmp(severity, "note") != 0)
		return false;
	bracket = strrchr(text, '[');
	return bracket && sscanf(bracket, "[%63[a-z-]]", rule) == 1;
}

/* "tcpshadow: 1 mark at 09:41:12.000417 UTC: label" */
static bool is_mark(const char *line)
{
	int hour, minute, second, fraction, pid;

	return sscanf(line, "tcpshadow: %d mark at %2d:%2d:%2d.%6d UTC: ", &pid,
		      &hour, &minute, &second, &fraction) == 5 &&
	       strstr(line, " UTC: ");
}

int log_errors(const char *log)
{
	int errors = 0;

	for (const char *at = log; *at; at = next_line(at)) {
		struct log_line parsed;
		char line[LINE_SIZE];
		char severity[8];
		char rule[64];
		int pid;
		int count;

		take_line(line, at);
		if (strncmp(at, "    ", 4) == 0 || parse(at, &parsed) ||
		    parse_finding(at, severity, rule) ||
		    sscanf(line, "tcpshadow: %d again: %d", &pid, &count) ==
			    2 ||
		    is_mark(line) || strstr(line, " bad suppressions: "))
			continue;
		fprintf(stderr, "not a line of the log: %.100s\n", at);
		errors++;
	}
	return errors;
}

static const char *path(const char *log, int pid, int fd, const char *local,
			const char *peer)
{
	static char text[4096];
	struct log_line *lines;
	char last[16] = "";
	size_t count;

	text[0] = '\0';
	lines = log_transitions(log, &count);
	for (size_t i = 0; i < count; i++) {
		const struct log_line *line = &lines[i];
		size_t used = strlen(text);

		if ((fd >= 0 && line->fd != fd) ||
		    (local && strcmp(line->local, local) != 0) ||
		    (peer && strcmp(line->peer, peer) != 0) ||
		    (pid != 0 && line->pid != pid))
			continue;
		pid = line->pid;
		if (used == 0)
			snprintf(text, sizeof(text), "%s>%s", line->from,
				 line->to);
		else if (strcmp(last, line->from) == 0)
			snprintf(text + used, sizeof(text) - used, ">%s",
				 line->to);
		else
			snprintf(text + used, sizeof(text) - used, "|%s>%s",
				 line->from, line->to);
		strcpy(last, line->to);
	}
	free(lines);
	return text;
}

const char *log_path(const char *log, int pid, int fd)
{
	return path(log, pid, fd, NULL, NULL);
}

const char *log_path_between(const char *log, int pid, const char *local,
			     const char *peer)
{
	return path(log, pid, -1, local, peer);
}

static int count_findings(const char *log, const char *severity,
			  const char *rule)
{
	int count = 0;

	for (const char *at = log; *at; at = next_line(at)) {
		char its_severity[8];
		char its_rule[64];

		if (parse_finding(at, its_severity, its_rule) &&
		    (!severity || strcmp(severity, its_severity) == 0) &&
		    (!rule || strcmp(rule, its_rule) == 0))
			count++;
	}
	return count;
}

int log_findings(const char *log, const char *rule)
{
	return count_findings(log, NULL, rule);
}

int log_severity(const char *log, const char *severity)
{
	return count_findings(log, severity, NULL);
}

const char *log_finding(const char *log, const char *rule)
{
	static char text[8192];

	for (const char *at = log; *at; at = next_line(at)) {
		char severity[8];
		char its_rule[64];
		const char *end;

		if (!parse_finding(at, severity, its_rule) ||
		    strcmp(rule, its_rule) != 0)
			continue;
		end = next_line(at);
		while (strncmp(end, "    ", 4) == 0)
			end = next_line(end);
		snprintf(text, sizeof(text), "%.*s", (int)(end - at), at);
		return text;
	}
	return "";
}
