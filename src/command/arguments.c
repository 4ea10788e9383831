#include "command/arguments.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/say.h"

enum { KEY_BASE = 0x100 };

struct parsing {
	struct arguments *arguments;
	int use;
	int result;
};

/* A stored run is rendered; nothing is run. */
static bool is_for_report(enum option_id option)
{
	switch (option) {
	case OPTION_SUPPRESSIONS:
	case OPTION_COLOR:
	case OPTION_VERBOSE:
	case OPTION_QUIET:
	case OPTION_LOG_FILE:
	case OPTION_ERROR_EXITCODE:
	case OPTION_FAIL_ON:
	case OPTION_GEN_SUPPRESSIONS:
		return true;
	default:
		return option > OPTION_TRACE;
	}
}

bool arguments_take(enum option_id option, int use)
{
	enum option_scope scope = option_row(option)->scope;

	if (scope != SCOPE_RUN && scope != SCOPE_BOTH)
		return false;
	return use == ARGUMENTS_RUN || is_for_report(option);
}

static int refuse(struct parsing *parsing, enum option_id option,
		  const char *value)
{
	const struct option_row *row = option_row(option);

	parsing->result = say_bad_input("--%s=%s is none of %s", row->name,
					value, row->values);
	return EINVAL;
}

static int take(struct parsing *parsing, enum option_id option,
		const char *value)
{
	if (!value)
		value = "on";
	else if (option_match(option, value) < 0)
		return refuse(parsing, option, value);
	parsing->arguments->values[option] = value;
	parsing->arguments->given[option] = true;
	return 0;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct parsing *parsing = state->input;
	struct arguments *arguments = parsing->arguments;

	if (key == ARGP_KEY_ARG) {
		/* What follows the program is the program's. */
		arguments->rest = &state->argv[state->next - 1];
		arguments->rest_count = state->argc - state->next + 1;
		state->next = state->argc;
		return 0;
	}
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		if (arguments_take((enum option_id)i, parsing->use) &&
		    key == (row->key ? row->key : KEY_BASE + i))
			return take(parsing, (enum option_id)i, value);
	}
	return ARGP_ERR_UNKNOWN;
}

static char *help_text(const struct option_row *row)
{
	char *text = NULL;

	if (row->fallback[0] == '\0' || strcmp(row->fallback, "none") == 0)
		return need_memory(strdup(row->help));
	if (asprintf(&text, "%s (default: %s)", row->help, row->fallback) < 0)
		text = NULL;
	return need_memory(text);
}

static struct argp_option *make_options(int use)
{
	struct argp_option *options =
		need_memory(calloc(OPTION_COUNT + 1, sizeof(*options)));
	int count = 0;

	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		if (!arguments_take((enum option_id)i, use))
			continue;
		options[count++] = (struct argp_option){
			.name = row->name,
			.key = row->key ? row->key : KEY_BASE + i,
			.arg = row->values[0] ? row->values : NULL,
			.doc = help_text(row),
		};
	}
	return options;
}

static void free_options(struct argp_option *options)
{
	for (int i = 0; options[i].name; i++)
		free((char *)options[i].doc);
	free(options);
}

/*
 * A switch has no values on the command line. As a variable it is on or off (or
 * 1 or 0, as people write), or empty, as variables are that nobody wants.
 */
static const char *read_switch(const struct option_row *row, const char *value)
{
	if (strcmp(value, "on") == 0 || strcmp(value, "1") == 0)
		return "on";
	if (value[0] && strcmp(value, "off") != 0 && strcmp(value, "0") != 0)
		say("%s=%s is none of on|off; using off", row->environment,
		    value);
	return "";
}

/* What the environment says, NULL if that is nothing, or bad. */
static const char *from_environment(enum option_id option, int use)
{
	const struct option_row *row = option_row(option);
	const char *value =
		arguments_take(option, use) ? getenv(row->environment) : NULL;

	if (value && !row->values[0])
		return read_switch(row, value);
	if (!value || option_match(option, value) >= 0)
		return value;
	/* In a run the library tells what is its own. */
	if (use != ARGUMENTS_RUN || row->scope == SCOPE_RUN)
		say("%s=%s is none of %s; using %s", row->environment, value,
		    row->values, row->fallback);
	return NULL;
}

static void set_defaults(struct arguments *arguments, int use)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		enum option_id option = (enum option_id)i;
		const char *value = from_environment(option, use);

		arguments->given[i] = value != NULL;
		arguments->values[i] = value ? value
					     : option_row(option)->fallback;
	}
}

static void count_severity(struct arguments *arguments, enum severity least)
{
	for (int i = 0; i < RULE_COUNT; i++) {
		if (rule_severity((enum rule)i) >= least)
			arguments->counts[i] = true;
	}
}

static bool count_word(struct arguments *arguments, const char *word)
{
	for (int i = SEVERITY_NOTE; i <= SEVERITY_ERROR; i++) {
		if (strcmp(word, severity_name((enum severity)i)) == 0) {
			count_severity(arguments, (enum severity)i);
			return true;
		}
	}
	for (int i = 0; i < RULE_COUNT; i++) {
		if (strcmp(word, rule_slug((enum rule)i)) == 0) {
			arguments->counts[i] = true;
			return true;
		}
	}
	return false;
}

/* A rule that is only looked for when it is asked for. */
static void ask_for_rules(struct arguments *arguments)
{
	const char *list = arguments->values[OPTION_FAIL_ON];

	if (!strstr(list, rule_slug(RULE_LEFT_OPEN)))
		return;
	arguments->values[OPTION_LEFT_OPEN] = "on";
	arguments->given[OPTION_LEFT_OPEN] = true;
}

static int read_fail_on(struct arguments *arguments)
{
	char *list = need_memory(strdup(arguments->values[OPTION_FAIL_ON]));
	char *rest = list;
	char *word;
	int result = 0;

	while ((word = strsep(&rest, ",")) != NULL && result == 0) {
		if (!count_word(arguments, word))
			result = say_bad_input(
				"--fail-on: `%s` is neither error, warning, "
				"note nor a rule",
				word);
	}
	free(list);
	return result;
}

int arguments_parse(struct arguments *arguments, int use, int argc, char **argv)
{
	struct parsing parsing = { .arguments = arguments, .use = use };
	struct argp argp = {
		.parser = parse_option,
		.args_doc = use == ARGUMENTS_RUN ? "PROGRAM [ARGUMENT...]"
						 : "TRACE",
		.doc = use == ARGUMENTS_RUN
			       ? "Runs a program and tells what is wrong with "
				 "its TCP sockets."
			       : "Renders a run that `run --trace` has stored.",
	};

	*arguments = (struct arguments){ .rest = NULL };
	set_defaults(arguments, use);
	argp.options = make_options(use);
	argp_err_exit_status = EXIT_BAD_INPUT;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &parsing) != 0 &&
	    parsing.result == 0)
		parsing.result = EXIT_BAD_INPUT;
	free_options((struct argp_option *)argp.options);
	if (parsing.result != 0)
		return parsing.result;
	ask_for_rules(arguments);
	return read_fail_on(arguments);
}

const char *arguments_file(const struct arguments *arguments,
			   enum option_id option)
{
	const char *value = arguments->values[option];

	return strcmp(value, "none") == 0 ? NULL : value;
}

unsigned int arguments_number(const struct arguments *arguments,
			      enum option_id option)
{
	return (unsigned int)strtoul(arguments->values[option], NULL, 10);
}

const char *arguments_library(const struct arguments *arguments,
			      enum option_id option)
{
	const char *value = getenv(option_row(option)->environment);

	if (!arguments->given[option] && value &&
	    option_match(option, value) >= 0)
		return value;
	return arguments->values[option];
}

bool arguments_on(const struct arguments *arguments, enum option_id option)
{
	return arguments->values[option][0] != '\0';
}
