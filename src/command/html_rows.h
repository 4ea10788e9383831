/*
 * Which processes and connections the timeline draws: those in which the worst
 * was found, as far as there is room.
 *
 * Owns: the lists, until rows_free. Called by: html_timeline.
 */
#ifndef COMMAND_HTML_ROWS_H
#define COMMAND_HTML_ROWS_H

#include "command/html.h"

/* A part of a list of connections. */
struct range {
	const struct connection *list;
	size_t count;
};

/* A process of which something can be drawn. */
struct row {
	const struct process *process;
	struct range shown;
	struct range folded;
	unsigned int order;    /* of their starts */
	unsigned int interest; /* the more the sooner it is drawn */
};

struct rows {
	struct connection *shown; /* each has a lane */
	size_t shown_count;
	struct connection *folded; /* these are summed up, by process */
	size_t folded_count;
	struct row *list; /* of those that are drawn */
	size_t drawn;
	size_t hidden;     /* for which there was no room */
	bool hidden_found; /* something was found in those, too */
	unsigned int idle; /* processes of which there is nothing to draw */
};

struct rows rows_make(const struct html *html);
void rows_free(struct rows *rows);

#endif
