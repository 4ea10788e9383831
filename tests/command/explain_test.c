/* tcpshadow explain: everything has a page, and it reaches the reader. */
#include "command/explain.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/markdown.h"
#include "command/nearest.h"
#include "command/pages.h"
#include "command/terminal.h"
#include "model/errno_name.h"
#include "model/machine.h"
#include "model/rule.h"
#include "model/state.h"
#include "support/run.h"

static struct run run;

static void begin(void)
{
	run = (struct run){ .input = -1 };
}

static void finish(void)
{
	run_end(&run);
}

TestSuite(explain, .init = begin, .fini = finish);

static int explain(const char *word)
{
	run_end(&run);
	return run_all(&run, false, NULL, ARGV(run_command(), "explain", word));
}

Test(explain, carries_the_pages_as_they_are)
{
	const char *source = getenv("TCPSHADOW_SOURCE");

	for (int i = 0; i < RULE_COUNT; i++) {
		const char *page = page_of_rule((enum rule)i);
		char text[16384] = "";
		char path[512];
		FILE *file;

		snprintf(path, sizeof(path), "%s/docs/rules/%s.md",
			 source ? source : ".", rule_slug((enum rule)i));
		file = fopen(path, "r");
		cr_assert(file, "%s", path);
		(void)!fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
		cr_expect_str_eq(page, text);
	}
}

Test(explain, every_rule)
{
	for (int i = 0; i < RULE_COUNT; i++) {
		const char *slug = rule_slug((enum rule)i);
		const char *output;

		cr_expect_eq(explain(slug), 0);
		output = run_output(&run);
		cr_expect_eq(strncmp(output, slug, strlen(slug)), 0);
		cr_expect(strstr(output, rule_summary((enum rule)i)) ||
				  strlen(rule_summary((enum rule)i)) > 60,
			  "%s", output);
		cr_expect(strstr(output, "\nWhat happened\n"));
		cr_expect(strstr(output, "\nWhen to ignore it\n"));
		cr_expect_null(strstr(output, "```"));
		cr_expect_null(strchr(output, '\033'));
	}
}

static unsigned int count_of(const char *text, const char *part)
{
	unsigned int count = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		count++;
	}
	return count;
}

Test(explain, every_state_with_all_its_edges)
{
	size_t edge_count;
	const struct edge *edges = machine_edges(&edge_count);

	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		enum tcp_state state = (enum tcp_state)i;
		char *page = explain_page(state_name(state));
		char *other = explain_page(state_kernel_name(state));
		unsigned int expected = 0;

		cr_assert(page);
		cr_expect_str_eq(page, other);
		free(other);
		other = explain_page(state_ss_name(state));
		cr_expect_str_eq(page, other);
		free(other);
		cr_expect(strstr(page, state_meaning(state) + 1));
		for (size_t j = 0; j < edge_count; j++)
			expected += (edges[j].from == state) +
				    (edges[j].to == state);
		cr_expect_eq(count_of(page, "RFC 9293, section"), expected);
		free(page);
	}
}

Test(explain, names_states_as_the_kernel_and_ss_do)
{
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		enum tcp_state state = (enum tcp_state)i;

		cr_expect_eq(state_from_kernel(state_kernel(state)), state);
		run_end(&run);
		cr_expect_eq(run_all(&run, false, NULL,
				     ARGV("ss", "-Htan", "state",
					  state_ss_name(state))),
			     0, "%s: %s", state_ss_name(state),
			     run_errors(&run));
	}
}

static void expect_in_page(const char *word, const char *part)
{
	char *page = explain_page(word);

	cr_assert(page, "%s", word);
	cr_expect(strstr(page, part), "%s in %s", part, page);
	free(page);
}

Test(explain, names_the_rules_that_speak_of_a_state_or_an_error)
{
	expect_in_page("CLOSE_WAIT", "- close-wait-leak: ");
	expect_in_page("TIME_WAIT", "- server-time-wait: ");
	expect_in_page("LISTEN", "- inherited-listener: ");
	expect_in_page("EPIPE", "- sigpipe-death: ");
	expect_in_page("EADDRINUSE", "- address-in-use: ");
	expect_in_page("EBADF", "- double-close: ");
	expect_in_page("ECONNREFUSED", "- connect-refused: ");
	/* A part of a word is not the word. */
	cr_expect(!page_mentions(RULE_CLOSE_WAIT_LEAK, "CLOSE"));
	cr_expect(page_mentions(RULE_CLOSE_WAIT_LEAK, "CLOSE_WAIT"));
}

Test(explain, every_error_by_name_and_by_number)
{
	unsigned int count = 0;

	for (int number = 1; number < 200; number++) {
		char digits[16];
		char *by_name;
		char *by_number;

		snprintf(digits, sizeof(digits), "%d", number);
		by_number = explain_page(digits);
		if (!errno_name(number)) {
			cr_expect_null(by_number);
			continue;
		}
		by_name = explain_page(errno_name(number));
		cr_assert(by_name && by_number, "%d", number);
		cr_expect_str_eq(by_name, by_number);
		cr_expect(strstr(by_name, errno_meaning(number)));
		free(by_name);
		free(by_number);
		count++;
	}
	cr_expect_gt(count, 30);
	expect_in_page("epipe", "Broken pipe");
	expect_in_page("EWOULDBLOCK", "# EAGAIN");
}

Test(explain, alone_lists_all)
{
	const char *output;

	cr_expect_eq(run_all(&run, false, NULL, ARGV(run_command(), "explain")),
		     0);
	output = run_output(&run);
	for (int i = 0; i < RULE_COUNT; i++)
		cr_expect(strstr(output, rule_slug((enum rule)i)));
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++)
		cr_expect(strstr(output, state_name((enum tcp_state)i)));
	cr_expect(strstr(output, "- EPIPE (32): "));
}

static void expect_unknown(const char *word, const char *near)
{
	const char *errors;

	cr_expect_eq(explain(word), 2);
	errors = run_errors(&run);
	cr_expect(strncmp(errors, "tcpshadow: ", 11) == 0);
	cr_expect_eq(strchr(errors, '\n'), strrchr(errors, '\n'));
	cr_expect_null(strchr(errors, '\033'));
	cr_expect(strstr(errors, near), "%s", errors);
	cr_expect_str_empty(run_output(&run));
}

Test(explain, an_unknown_word_in_one_sentence_with_the_nearest_names)
{
	expect_unknown("sigpipe-deth", "near to it: sigpipe-death\n");
	expect_unknown("SIGPIPE", "sigpipe-unhandled, sigpipe-client or "
				  "sigpipe-death\n");
	expect_unknown("TIMEWAIT", "near to it: TIME_WAIT\n");
	expect_unknown("ESTAB", "near to it: ESTABLISHED\n");
	expect_unknown("EPIP", "EPIPE");
	expect_unknown("UNKNOWN", "`tcpshadow explain` lists all");
	expect_unknown("", "`tcpshadow explain` lists all");
	expect_unknown("99999999999999", "`tcpshadow explain` lists all");
	expect_unknown("\033[31m\xff\n", "`\\x1b[31m\\xff\\x0a`");
}

Test(explain, a_word_of_any_length)
{
	static char word[100000];

	memset(word, 'a', sizeof(word) - 1);
	expect_unknown(word, "aaaa` is no rule");
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "explain", "a", "b")),
		     2);
}

/* Without the tree, from elsewhere: the pages are in the command. */
Test(explain, works_from_wherever_it_was_moved_to)
{
	struct run folder;
	char line[700];

	cr_assert_eq(run_all(&folder, false, NULL, ARGV("true")), 0);
	snprintf(line, sizeof(line),
		 "cp %s %s/moved && cd / && exec %s/moved explain EPIPE",
		 run_command(), folder.folder, folder.folder);
	cr_expect_eq(run_all(&run, false, NULL, ARGV("sh", "-c", line)), 0);
	cr_expect(strstr(run_output(&run), "sigpipe-death"));
	run_end(&folder);
}

Test(explain, says_so_when_the_disk_is_full)
{
	char line[600];

	snprintf(line, sizeof(line), "%s explain >/dev/full", run_command());
	cr_expect_eq(run_all(&run, false, NULL, ARGV("sh", "-c", line)), 2);
	cr_expect(strstr(run_errors(&run), "could not be written"));
}

/* A terminal of so many columns, and what came out of it. */
struct screen {
	char text[65536];
	int status;
};

static void on_terminal(struct screen *screen, unsigned short columns,
			const char *const *environment, const char *word)
{
	struct winsize size = { .ws_row = 500, .ws_col = columns };
	size_t length = 0;
	ssize_t got;
	int terminal;
	int status;
	pid_t child = forkpty(&terminal, NULL, NULL, &size);

	if (child == 0) {
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		unsetenv("PAGER");
		unsetenv("LESS");
		for (; *environment; environment++)
			putenv((char *)*environment);
		execl(run_command(), run_command(), "explain", word, NULL);
		_exit(126);
	}
	cr_assert_gt(child, 0);
	while (length < sizeof(screen->text) - 1 &&
	       (got = read(terminal, screen->text + length,
			   sizeof(screen->text) - 1 - length)) > 0)
		length += (size_t)got;
	screen->text[length] = '\0';
	close(terminal);
	waitpid(child, &status, 0);
	screen->status = WIFEXITED(status) ? WEXITSTATUS(status)
					   : 128 + WTERMSIG(status);
}

static struct screen screen;

Test(explain, is_shown_by_the_pager_that_the_user_chose)
{
	on_terminal(&screen, 80, ARGV("PAGER=sed 's/^/| /'"), "EPIPE");
	cr_expect_eq(screen.status, 0);
	cr_expect(strstr(screen.text, "| \033[1mEPIPE\033[0m\r\n"), "%s",
		  screen.text);
}

Test(explain, is_plain_when_the_pager_is_missing_or_unwanted)
{
	static const char *const pagers[] = { "PAGER=/nowhere/pager",
					      "PAGER=", "PAGER=cat",
					      "PATH=/nowhere" };

	for (size_t i = 0; i < sizeof(pagers) / sizeof(pagers[0]); i++) {
		on_terminal(&screen, 80, ARGV(pagers[i]), "EPIPE");
		cr_expect_eq(screen.status, 0);
		cr_expect(strstr(screen.text, "Broken pipe"), "%s: %s",
			  pagers[i], screen.text);
	}
}

Test(explain, outlives_its_pager)
{
	on_terminal(&screen, 80, ARGV("PAGER=kill -9 $$"), "EPIPE");
	cr_expect_eq(screen.status, 0);
	on_terminal(&screen, 80, ARGV("PAGER=false"), "EPIPE");
	cr_expect_eq(screen.status, 0);
}

/* Found in PATH; it says how it was called. */
Test(explain, is_shown_by_less_when_nothing_was_chosen)
{
	char path[128];
	char less[128];
	FILE *script;

	cr_assert_eq(run_all(&run, false, NULL, ARGV("true")), 0);
	snprintf(less, sizeof(less), "%s/less", run.folder);
	script = fopen(less, "w");
	fputs("#!/bin/sh\necho less with $LESS\nexec cat\n", script);
	fclose(script);
	chmod(less, 0755);
	snprintf(path, sizeof(path), "PATH=/nowhere:%s:/usr/bin:/bin",
		 run.folder);
	on_terminal(&screen, 80, ARGV(path), "EPIPE");
	cr_expect_eq(screen.status, 0);
	cr_expect(strstr(screen.text, "less with FRX\r\n"), "%s", screen.text);
	cr_expect(strstr(screen.text, "Broken pipe"));
}

/* More than a pipe holds, to a pager that reads none of it. */
Test(explain, is_not_killed_by_a_pager_that_reads_nothing)
{
	static char text[1024 * 1024];
	int terminal;
	int status;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	if (child == 0) {
		memset(text, 'x', sizeof(text) - 1);
		setenv("PAGER", "exec true", 1);
		_exit(terminal_page(text) == 0 ? 7 : 8);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	close(terminal);
	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 7);
}

Test(explain, is_drawn_on_a_terminal_only_and_if_wanted)
{
	on_terminal(&screen, 80, ARGV("PAGER="), "EPIPE");
	cr_expect(strstr(screen.text, "\033[1mEPIPE\033[0m"));
	on_terminal(&screen, 80, ARGV("PAGER=", "NO_COLOR=1"), "EPIPE");
	cr_expect_null(strchr(screen.text, '\033'));
	on_terminal(&screen, 80, ARGV("PAGER=", "TERM=dumb"), "EPIPE");
	cr_expect_null(strchr(screen.text, '\033'));
}

Test(explain, fits_a_narrow_terminal)
{
	char *line;

	on_terminal(&screen, 40, ARGV("PAGER=", "NO_COLOR=1"), "TIME_WAIT");
	for (line = strtok(screen.text, "\r\n"); line;
	     line = strtok(NULL, "\r\n"))
		cr_expect_leq(strlen(line), 40, "%s", line);
}

static const char *rendered(const char *markdown, unsigned int columns)
{
	static char *text;
	size_t size;
	struct paper paper = { .coloured = false };

	free(text);
	text = NULL;
	paper.out = open_memstream(&text, &size);
	markdown_print(markdown, columns, &paper);
	fclose(paper.out);
	return text;
}

Test(markdown, of_our_pages)
{
	cr_expect_str_eq(rendered("# Title\n\n## Part\n", 80),
			 "Title\n\nPart\n");
	cr_expect_str_eq(rendered("one two three\n", 8), "one two\nthree\n");
	cr_expect_str_eq(rendered("- one two three\n", 9),
			 "- one two\n  three\n");
	cr_expect_str_eq(rendered("```c\n\tif (x)\n\n```\nend", 80),
			 "        if (x)\n\nend\n");
	cr_expect_str_eq(rendered("see [the page](a.md), [b] (c).\n", 80),
			 "see the page (a.md), [b] (c).\n");
	cr_expect_str_eq(rendered("[open](never", 80), "[open](never\n");
	cr_expect_str_eq(rendered("averyverylongword b\n", 4),
			 "averyverylongword\nb\n");
	cr_expect_str_eq(rendered("", 80), "");
}

Test(nearest, names_first_the_nearest)
{
	const char *names[] = { "close-wait-leak", "CLOSE_WAIT", "CLOSED",
				"CLOSING", "double-close" };
	const char *near[NEAREST_MAX];

	cr_assert_eq(nearest_names("closed", names, 5, near), 1);
	cr_expect_str_eq(near[0], "CLOSED");
	cr_assert_eq(nearest_names("close", names, 5, near), 3);
	cr_expect_str_eq(near[0], "close-wait-leak");
	cr_expect_str_eq(near[2], "CLOSED");
	cr_assert_eq(nearest_names("close-wai", names, 5, near), 2);
	cr_expect_str_eq(near[1], "CLOSE_WAIT");
	cr_expect_eq(nearest_names("xyz", names, 5, near), 0);
	cr_expect(nearest_is_same("time-wait", "TIME_WAIT"));
	cr_expect(!nearest_is_same("time-wai", "TIME_WAIT"));
	cr_expect(!nearest_is_same("time-waits", "TIME_WAIT"));
}
