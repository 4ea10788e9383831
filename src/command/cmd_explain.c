/* tcpshadow explain: the page about a rule, a state or an error number. */
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/explain.h"
#include "command/markdown.h"
#include "command/say.h"
#include "command/terminal.h"

enum { COLUMNS_MAX = 80 };

struct arguments {
	const char *word;
	bool several;
};

static const char doc[] =
	"Prints the page about a rule, a TCP state (as RFC 9293, the kernel or "
	"ss name it) or an error number (its name or the number). Without one, "
	"lists all that there is."
	"\v"
	"On a terminal the page is shown by $PAGER, or by less.\n\n"
	"Exit status: 0, or 2 when there is no such page.\n";

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	arguments->several = state->arg_num > 0;
	arguments->word = value;
	return 0;
}

static const struct argp parser = {
	.parser = parse_option,
	.args_doc = "[RULE]\nSTATE\nERRNO",
	.doc = doc,
};

static int say_unknown(const char *word)
{
	char *near = explain_near(word);
	int status;

	if (near)
		status = say_bad_input("`%s` is no rule, state or error "
				       "number; near to it: %s",
				       word, near);
	else
		status = say_bad_input("`%s` is no rule, state or error "
				       "number; `tcpshadow explain` lists all",
				       word);
	free(near);
	return status;
}

/* As this terminal wants it. */
static int show(const char *markdown)
{
	struct paper paper = { .coloured = terminal_has_colour(stdout) };
	char *text = NULL;
	size_t size;
	int status = 0;

	paper.out = need_memory(open_memstream(&text, &size));
	markdown_print(markdown, terminal_columns(stdout, COLUMNS_MAX), &paper);
	fclose(paper.out);
	if (terminal_page(need_memory(text)) < 0)
		status = say_bad_input("the page could not be written: %s",
				       strerror(errno));
	free(text);
	return status;
}

int cmd_explain(int argc, char **argv)
{
	struct arguments arguments = { .word = NULL };
	char *page;
	int status;

	argp_err_exit_status = EXIT_BAD_INPUT;
	argp_parse(&parser, argc, argv, 0, NULL, &arguments);
	if (arguments.several)
		return say_bad_input("one word at a time, please");
	page = arguments.word ? explain_page(arguments.word) : explain_list();
	if (!page)
		return say_unknown(arguments.word);
	status = show(page);
	free(page);
	return status;
}
