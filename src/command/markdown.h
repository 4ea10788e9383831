/*
 * The little Markdown that our pages use, for a terminal: headings, paragraphs,
 * lists, code between fences, links.
 *
 * Called by: explain. Pure but for the paper it writes to.
 */
#ifndef COMMAND_MARKDOWN_H
#define COMMAND_MARKDOWN_H

#include "command/terminal.h"

/* Lines are broken at `columns`, code is not. */
void markdown_print(const char *text, unsigned int columns,
		    const struct paper *paper);

#endif
