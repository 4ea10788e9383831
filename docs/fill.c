/*
 * fill: writes what the tables say into a page.
 *
 * fill <TEMPLATE >PAGE
 *
 * A line `@name@` becomes that piece, made from the tables of src/model and
 * src/command and from the public header; @VERSION@ is replaced anywhere. So a
 * man page or a completion cannot know an option or a rule otherwise than the
 * program does. Run by make, never installed.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/arguments.h"
#include "command/command.h"
#include "model/option.h"
#include "model/rule.h"
#include "model/state.h"

static const char *const commands[][3] = {
#define COMMAND(name, arguments, summary) { #name, arguments, summary },
#include "command/commands.def"
#undef COMMAND
};

static const char *const errnos[] = {
#define ERRNO(number, meaning) #number,
#include "model/errnos.def"
#undef ERRNO
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One word of an option's values; false after the last. */
static bool next_word(const char **values, char *word, size_t size)
{
	size_t length = strcspn(*values, "|");

	if (length == 0)
		return false;
	snprintf(word, size, "%.*s", (int)length, *values);
	*values += length + ((*values)[length] == '|');
	return true;
}

static bool is_placeholder(const char *word)
{
	return isupper((unsigned char)word[0]) || strstr(word, "..");
}

static bool has_word(const struct option_row *row, const char *wanted)
{
	const char *values = row->values;
	char word[32];

	while (next_word(&values, word, sizeof(word))) {
		if (strcmp(word, wanted) == 0)
			return true;
	}
	return false;
}

/* roff */

static void put_roff(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '-' || *text == '\\')
			putchar('\\');
		if (*text == '\\')
			putchar('e');
		else
			putchar(*text);
	}
}

static void put_bold(const char *text)
{
	fputs("\\fB", stdout);
	put_roff(text);
	fputs("\\fR", stdout);
}

static void put_values(const struct option_row *row)
{
	const char *values = row->values;
	const char *between = "";
	char word[32];

	while (next_word(&values, word, sizeof(word))) {
		fputs(between, stdout);
		between = "|";
		if (is_placeholder(word))
			printf("\\fI%s\\fR", word);
		else
			put_bold(word);
	}
}

static void put_help(const struct option_row *row)
{
	putchar('\n');
	put_roff(row->help);
	if (row->fallback[0] && strcmp(row->fallback, "none") != 0) {
		fputs("\n(default:\n.BR ", stdout);
		put_roff(row->fallback);
		putchar(' ');
		putchar(')');
	}
	putchar('\n');
}

static void put_man_options(int use)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		char flag[64];

		if (!arguments_take((enum option_id)i, use))
			continue;
		puts(".TP");
		if (row->key)
			printf("\\fB\\-%c\\fR, ", row->key);
		snprintf(flag, sizeof(flag), "--%s", row->name);
		put_bold(flag);
		if (row->values[0])
			putchar('=');
		put_values(row);
		put_help(row);
	}
}

static void put_run_options(void)
{
	put_man_options(ARGUMENTS_RUN);
}

static void put_report_options(void)
{
	put_man_options(ARGUMENTS_REPORT);
}

static void put_variables(bool library)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		if (row->scope == SCOPE_HIDDEN ||
		    (row->scope == SCOPE_RUN) == library)
			continue;
		puts(".TP");
		put_bold(row->environment);
		putchar('=');
		if (row->values[0])
			put_values(row);
		else
			put_bold("on");
		put_help(row);
	}
}

static void put_library_variables(void)
{
	put_variables(true);
}

static void put_command_variables(void)
{
	put_variables(false);
}

static void put_synopsis(void)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (i > 0)
			puts(".br");
		printf(".B tcpshadow %s\n", commands[i][0]);
		put_roff(commands[i][1]);
		putchar('\n');
	}
}

static void put_commands(void)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		printf(".TP\n.B %s\n", commands[i][0]);
		put_roff(commands[i][2]);
		putchar('\n');
	}
}

static void put_rules(void)
{
	for (int i = 0; i < RULE_COUNT; i++) {
		enum rule rule = (enum rule)i;

		fputs(".TP\n", stdout);
		put_bold(rule_slug(rule));
		printf(" (%s)\n", severity_name(rule_severity(rule)));
		put_roff(rule_summary(rule));
		putchar('\n');
	}
}

static void put_states(void)
{
	for (int i = 0; i < ST_COUNT; i++) {
		if (!state_kernel((enum tcp_state)i))
			continue;
		fputs(".TP\n", stdout);
		put_bold(state_name((enum tcp_state)i));
		putchar('\n');
		put_roff(state_meaning((enum tcp_state)i));
		putchar('\n');
	}
}

/* The comment above a declaration, as paragraphs. */
static void put_comment(const char *comment)
{
	bool open = false;

	while (*comment) {
		size_t length = strcspn(comment, "\n");
		char line[256];

		snprintf(line, sizeof(line), "%.*s", (int)length, comment);
		comment += length + (comment[length] == '\n');
		if (strlen(line) < 4) {
			if (open)
				puts(".IP");
			open = false;
			continue;
		}
		put_roff(line + 3);
		putchar('\n');
		open = true;
	}
}

/* Of include/tcpshadow.h: each declaration, with what is said above it. */
static void put_functions(void)
{
	static const char mark[] = "TCPSHADOW_CALL ";
	static char comment[8192];
	FILE *header = fopen("include/tcpshadow.h", "r");
	char line[256];

	if (header)
		puts(".PP\nWhat programs may call is declared in\n"
		     ".IR tcpshadow.h .\n"
		     "Nothing has to be linked: without the library each call "
		     "does nothing.");
	while (header && fgets(line, sizeof(line), header)) {
		if (strcmp(line, "/*\n") == 0) {
			comment[0] = '\0';
			while (fgets(line, sizeof(line), header) &&
			       strcmp(line, " */\n") != 0 &&
			       strlen(comment) + strlen(line) < sizeof(comment))
				strcat(comment, line);
			continue;
		}
		if (strncmp(line, mark, strlen(mark)) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		puts(".TP");
		put_bold(line + strlen(mark));
		putchar('\n');
		put_comment(comment);
	}
	if (header)
		fclose(header);
}

/* Words for the shells. */

static void put_command_words(void)
{
	for (size_t i = 0; i < COUNT(commands); i++)
		puts(commands[i][0]);
}

static void put_explain_words(void)
{
	for (int i = 0; i < RULE_COUNT; i++)
		puts(rule_slug((enum rule)i));
	for (int i = 0; i < ST_COUNT; i++) {
		if (state_kernel((enum tcp_state)i))
			puts(state_name((enum tcp_state)i));
	}
	for (size_t i = 0; i < COUNT(errnos); i++)
		puts(errnos[i]);
}

static void put_fail_words(void)
{
	for (int i = SEVERITY_NOTE; i <= SEVERITY_ERROR; i++)
		puts(severity_name((enum severity)i));
	for (int i = 0; i < RULE_COUNT; i++)
		puts(rule_slug((enum rule)i));
}

static void put_flags(int use)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		if (!arguments_take((enum option_id)i, use))
			continue;
		if (row->key)
			printf("-%c\n", row->key);
		printf("--%s%s\n", row->name, row->values[0] ? "=" : "");
	}
	puts("--help\n--usage");
}

static void put_run_flags(void)
{
	put_flags(ARGUMENTS_RUN);
}

static void put_report_flags(void)
{
	put_flags(ARGUMENTS_REPORT);
}

static bool is_for_the_command(const struct option_row *row)
{
	return row->scope == SCOPE_RUN || row->scope == SCOPE_BOTH;
}

/* bash: the branches of a case over the option. */
static void put_bash_values(void)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		const char *values = row->values;
		char word[32];

		if (!is_for_the_command(row) || !values[0])
			continue;
		printf("\t--%s)\n\t\twords='", row->name);
		while (next_word(&values, word, sizeof(word))) {
			if (!is_placeholder(word))
				printf("%s ", word);
		}
		printf("' kind=%s\n\t\t;;\n", has_word(row, "FILE")   ? "file"
					      : has_word(row, "LIST") ? "list"
								      : "word");
	}
}

/* Inside '...[HERE]': what _arguments would take for its own. */
static void put_zsh_help(const char *help)
{
	for (; *help; help++) {
		if (strchr("[]:\\", *help))
			putchar('\\');
		if (*help == '\'')
			fputs("'\\'", stdout);
		putchar(*help);
	}
}

static void put_zsh_action(const struct option_row *row)
{
	const char *values = row->values;
	char word[32];

	if (has_word(row, "FILE"))
		printf(":file:_files");
	else if (has_word(row, "LIST"))
		printf(":what counts:_tcpshadow_fail_on");
	else if (has_word(row, "NUMBER") || strstr(values, ".."))
		printf(":number: ");
	else {
		printf(":%s:(", row->name);
		while (next_word(&values, word, sizeof(word)))
			printf("%s%s", word, *values ? " " : "");
		putchar(')');
	}
}

static void put_zsh_options(int use)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		if (!arguments_take((enum option_id)i, use))
			continue;
		fputs("\t'", stdout);
		if (row->key)
			printf("(-%c --%s)'{-%c,--%s}'", row->key, row->name,
			       row->key, row->name);
		else
			printf("--%s%s", row->name, row->values[0] ? "=" : "");
		putchar('[');
		put_zsh_help(row->help);
		putchar(']');
		if (row->values[0])
			put_zsh_action(row);
		puts("'");
	}
	puts("\t'(- *)'{-\\?,--help}'[list the options]'");
}

static void put_zsh_run(void)
{
	put_zsh_options(ARGUMENTS_RUN);
}

static void put_zsh_report(void)
{
	put_zsh_options(ARGUMENTS_REPORT);
}

static void put_zsh_commands(void)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		printf("\t'%s:", commands[i][0]);
		put_zsh_help(commands[i][2]);
		puts("'");
	}
}

static const struct {
	const char *name;
	void (*put)(void);
} pieces[] = {
	{ .name = "synopsis", .put = put_synopsis },
	{ .name = "commands", .put = put_commands },
	{ .name = "run-options", .put = put_run_options },
	{ .name = "report-options", .put = put_report_options },
	{ .name = "library-variables", .put = put_library_variables },
	{ .name = "command-variables", .put = put_command_variables },
	{ .name = "functions", .put = put_functions },
	{ .name = "rules", .put = put_rules },
	{ .name = "states", .put = put_states },
	{ .name = "command-words", .put = put_command_words },
	{ .name = "explain-words", .put = put_explain_words },
	{ .name = "fail-words", .put = put_fail_words },
	{ .name = "run-flags", .put = put_run_flags },
	{ .name = "report-flags", .put = put_report_flags },
	{ .name = "bash-values", .put = put_bash_values },
	{ .name = "zsh-commands", .put = put_zsh_commands },
	{ .name = "zsh-run", .put = put_zsh_run },
	{ .name = "zsh-report", .put = put_zsh_report },
};

static bool put_piece(const char *line)
{
	size_t length = strlen(line);

	if (length < 4 || line[0] != '@' || strcmp(line + length - 2, "@\n"))
		return false;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		if (strlen(pieces[i].name) == length - 3 &&
		    strncmp(pieces[i].name, line + 1, length - 3) == 0) {
			pieces[i].put();
			return true;
		}
	}
	fprintf(stderr, "fill: no piece %s", line);
	exit(1);
}

int main(void)
{
	static const char mark[] = "@VERSION@";
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		char *at = line;
		char *next;

		if (put_piece(line))
			continue;
		while ((next = strstr(at, mark)) != NULL) {
			printf("%.*s" TCPSHADOW_VERSION, (int)(next - at), at);
			at = next + strlen(mark);
		}
		fputs(at, stdout);
	}
	free(line);
	return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}
