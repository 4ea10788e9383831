/*
 * The command line of `run` and `report`: made from the one table of options
 * (model/options.def), by argp. What the command line does not say the
 * environment may (TCPSHADOW_NAME).
 *
 * Called by: cmd_run, cmd_report; docs/fill.c asks who takes what.
 */
#ifndef COMMAND_ARGUMENTS_H
#define COMMAND_ARGUMENTS_H

#include <stdbool.h>

#include "model/option.h"
#include "model/rule.h"

struct arguments {
	const char *values[OPTION_COUNT]; /* never NULL: given, or default */
	/* On the command line, or in the environment. */
	bool given[OPTION_COUNT];
	char **rest; /* the program, or the file; ends NULL */
	int rest_count;
	bool counts[RULE_COUNT]; /* what fail-on names */
};

enum { ARGUMENTS_RUN = 1, ARGUMENTS_REPORT = 2 };

/* Is it an option of that subcommand? */
bool arguments_take(enum option_id option, int use);

/*
 * 0, or EXIT_BAD_INPUT after a sentence on standard error. --help ends the
 * process.
 */
int arguments_parse(struct arguments *arguments, int use, int argc,
		    char **argv);

/* Has a file name (or anything but its default `none`) been given? */
const char *arguments_file(const struct arguments *arguments,
			   enum option_id option);

/* Of an option with the value NUMBER. */
unsigned int arguments_number(const struct arguments *arguments,
			      enum option_id option);

/* Of an option of the library's, which reads its variable itself. */
const char *arguments_library(const struct arguments *arguments,
			      enum option_id option);

/* Of a switch. */
bool arguments_on(const struct arguments *arguments, enum option_id option);

#endif
