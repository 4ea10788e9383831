/*
 * How text looks on a terminal, and only there: bold and colour, and the pager.
 *
 * Called by: the commands that print for people. NO_COLOR and TERM=dumb are
 * honoured.
 */
#ifndef COMMAND_TERMINAL_H
#define COMMAND_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

enum look { LOOK_PLAIN, LOOK_BOLD, LOOK_BAD, LOOK_GOOD, LOOK_HELP };

/* Text on its way out; coloured says whether looks are drawn. */
struct paper {
	FILE *out;
	bool coloured;
};

struct paper terminal_paper(FILE *out);

/* Whether what is written to out now would be seen by a person, in colour. */
bool terminal_has_colour(FILE *out);

/* The columns of the terminal, at most `most` (which holds elsewhere too). */
unsigned int terminal_columns(FILE *out, unsigned int most);

/* printf in a look. The text has to be printable. */
void terminal_print(const struct paper *paper, enum look look,
		    const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Shows a text: in $PAGER, or less where that is there, when standard output is
 * a terminal; else, or when the pager cannot be run, on standard output as it
 * is. Returns 0, or -1 when standard output could not be written.
 */
int terminal_page(const char *text);

#endif
