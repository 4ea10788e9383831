#include "command/markdown.h"

#include <string.h>

enum { CODE_TAB = 4 };

struct wrap {
	const struct paper *paper;
	unsigned int columns;
	unsigned int indent; /* of the lines after the first */
	unsigned int at;     /* column */
};

static void print_word(struct wrap *wrap, const char *word, size_t length)
{
	bool first = wrap->at <= wrap->indent;

	if (length == 0)
		return;
	if (!first && wrap->at + 1 + length > wrap->columns) {
		fprintf(wrap->paper->out, "\n%*s", (int)wrap->indent, "");
		wrap->at = wrap->indent;
		first = true;
	}
	fprintf(wrap->paper->out, "%s%.*s", first ? "" : " ", (int)length,
		word);
	wrap->at += (unsigned int)length + (first ? 0 : 1);
}

/*
 * [text](target) at a bracket: prints `text (target)`. Returns where it ends,
 * or NULL when it is no link.
 */
static const char *print_link(struct wrap *wrap, const char *at,
			      const char *end)
{
	const char *middle = memchr(at, ']', (size_t)(end - at));
	const char *close;
	const char *space;

	if (!middle || end - middle < 2 || middle[1] != '(')
		return NULL;
	close = memchr(middle, ')', (size_t)(end - middle));
	if (!close)
		return NULL;
	for (at++; (space = memchr(at, ' ', (size_t)(middle - at)));
	     at = space + 1)
		print_word(wrap, at, (size_t)(space - at));
	print_word(wrap, at, (size_t)(middle - at));
	/* With the punctuation that follows it. */
	while (close + 1 < end && close[1] != ' ')
		close++;
	print_word(wrap, middle + 1, (size_t)(close - middle));
	return close + 1;
}

static void print_paragraph(struct wrap *wrap, const char *at, const char *end)
{
	while (at < end) {
		const char *after = *at == '[' ? print_link(wrap, at, end)
					       : NULL;

		if (!after) {
			after = memchr(at, ' ', (size_t)(end - at));
			after = after ? after : end;
			print_word(wrap, at, (size_t)(after - at));
		}
		at = after < end ? after + 1 : end;
	}
	fputs("\n", wrap->paper->out);
}

static void print_code(const struct paper *paper, const char *at,
		       const char *end)
{
	unsigned int column = 0;

	if (at < end)
		fputs("    ", paper->out);
	for (; at < end; at++) {
		unsigned int width = 1;

		if (*at == '\t')
			width = CODE_TAB - column % CODE_TAB;
		fprintf(paper->out, "%*.1s", (int)width, *at == '\t' ? "" : at);
		column += width;
	}
	fputs("\n", paper->out);
}

static void print_line(const char *line, const char *end, unsigned int columns,
		       const struct paper *paper)
{
	struct wrap wrap = { .paper = paper, .columns = columns };
	size_t hashes = strspn(line, "#");

	if (line == end) {
		fputs("\n", paper->out);
		return;
	}
	if (hashes > 0 && line[hashes] == ' ') {
		line += hashes + 1;
		terminal_print(paper, LOOK_BOLD, "%.*s", (int)(end - line),
			       line);
		fputs("\n", paper->out);
		return;
	}
	if (strncmp(line, "- ", 2) == 0) {
		fputs("- ", paper->out);
		line += 2;
		wrap.indent = 2;
		wrap.at = 2;
	}
	print_paragraph(&wrap, line, end);
}

void markdown_print(const char *text, unsigned int columns,
		    const struct paper *paper)
{
	bool code = false;

	while (*text) {
		const char *end = text + strcspn(text, "\n");

		if (strncmp(text, "```", 3) == 0)
			code = !code;
		else if (code)
			print_code(paper, text, end);
		else
			print_line(text, end, columns, paper);
		text = *end ? end + 1 : end;
	}
}
