#include "shim/settings.h"

#include <stddef.h>
#include <string.h>

#include "model/text.h"
#include "shim/report.h"

struct settings settings;

static const char *values[OPTION_COUNT];
static const char *bad[OPTION_COUNT];

static const char *find_variable(char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (; environment && *environment; environment++) {
		/* Fifteen names and a long environment: most differ at once. */
		if (**environment == *name &&
		    strncmp(*environment, name, length) == 0 &&
		    (*environment)[length] == '=')
			return *environment + length + 1;
	}
	return NULL;
}

static int word_of(enum option_id option)
{
	return option_match(option, values[option]);
}

static uint32_t number_of(enum option_id option)
{
	uint32_t number = 0;

	for (const char *digit = values[option]; *digit; digit++)
		number = number * 10 + (uint32_t)(*digit - '0');
	return number;
}

/* clock_now() goes round after 49 days: half of that is the longest time. */
static uint32_t to_milliseconds(uint32_t seconds)
{
	return seconds < INT32_MAX / 1000 ? seconds * 1000 : INT32_MAX;
}

void settings_read(char *const *environment)
{
	const char *no_color = find_variable(environment, "NO_COLOR");

	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row(i);
		const char *value =
			find_variable(environment, row->environment);

		values[i] = row->fallback;
		bad[i] = NULL;
		if (!value || row->scope == SCOPE_RUN)
			continue;
		if (option_match(i, value) < 0)
			bad[i] = value;
		else
			values[i] = value;
	}
	settings.transitions = word_of(OPTION_TRANSITIONS) == 0;
	settings.reuseaddr = (enum reuseaddr)word_of(OPTION_REUSEADDR);
	settings.silence = number_of(OPTION_SILENCE);
	settings.close_wait = to_milliseconds(number_of(OPTION_CLOSE_WAIT));
	settings.counters = word_of(OPTION_COUNTERS) == 1;
	settings.left_open = word_of(OPTION_LEFT_OPEN) == 1;
	settings.stacks = (enum stacks)word_of(OPTION_STACKS);
	settings.depth = number_of(OPTION_DEPTH);
	settings.color = word_of(OPTION_COLOR);
	settings.no_color = no_color && *no_color;
	settings.suppressions = values[OPTION_SUPPRESSIONS];
	settings.log = values[OPTION_LOG];
	settings.ring = values[OPTION_RING];
}

void settings_complain(void)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row(i);
		char value[256];
		char line[512];
		struct text text;

		if (!bad[i])
			continue;
		/* A value of any length leaves room for what is right. */
		text_begin(&text, value, sizeof(value));
		text_add_foreign(&text, bad[i]);
		text_begin(&text, line, sizeof(line));
		text_add(&text, "bad option: ");
		text_add(&text, row->environment);
		text_add(&text, "=");
		text_add(&text, value);
		text_add(&text, " is none of ");
		text_add(&text, row->values);
		text_add(&text, "; using ");
		text_add(&text, row->fallback);
		report_message(&text);
	}
}
