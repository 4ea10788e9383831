/*
 * The parts of the HTML report. Each writes one section of the page.
 *
 * Called by: render_html, and each other.
 */
#ifndef COMMAND_HTML_H
#define COMMAND_HTML_H

#include "command/connections.h"
#include "command/page.h"
#include "command/scale.h"
#include "command/session.h"
#include "command/totals.h"

/*
 * How much is drawn of one kind. What is more is counted, or summed up: a run
 * with 200,000 connections makes a page of a few megabytes at most.
 */
enum {
	HTML_FINDINGS = 200,
	HTML_DETAILS = 60, /* lines of a finding */
	HTML_LANES = 120,
	HTML_PLAIN = 24,  /* lanes, rows that are like the rest */
	HTML_STEPS = 100, /* of a lane */
	HTML_MARKS = 20,  /* of a lane */
	HTML_PROCESSES = 60,
	HTML_ROWS = 300, /* of the table of connections */
	HTML_GROUPS = 60,
	HTML_TEXT = 512, /* bytes of a short text */
};

/*
 * Colours on white paper. They stand at what is drawn, too: a viewer that
 * allows no style sheet, as Jenkins, shows the pictures all the same.
 */
#define HTML_PAPER "#ffffff"
#define HTML_INK "#1a1a1a"
#define HTML_FAINT "#5c5c5c"
#define HTML_PANEL "#f5f5f3"
#define HTML_EDGE "#a3a3a3"
#define HTML_TAKEN "#0072b2"
#define HTML_ERROR "#b3261e"
#define HTML_WARNING "#8a5300"
#define HTML_NOTE "#00588a"

struct html {
	struct page page;
	struct session *session;
	struct totals totals;
	const struct found **findings; /* in the order in which they stand */
	size_t finding_count;
	size_t finding_hidden;
	struct connection *connections; /* the most interesting first */
	size_t connection_count;
	char *directory; /* paths below it are shown relative */
};

/* The style sheet. */
extern const char html_style[];

void html_findings(struct html *html);
void html_timeline(struct html *html);
void html_diagram(struct html *html);
void html_connections(struct html *html);

/* What the page has drawn of a finding is at "#fN"; 0: it is not there. */
size_t html_finding_number(const struct html *html, const struct found *found);

/* The name of the severity, in its colour. */
void html_badge(struct html *html, enum severity severity);

/* How the state is painted, and what is written on it. */
const char *html_fill(enum tcp_state state);
const char *html_ink(enum tcp_state state);

/* Its content follows. Width 0: all there is; label NULL: it tells nothing new.
 */
void html_picture(struct html *html, int width, int height, const char *label);

/* A lane: what a socket went through, with its findings as marks. */
void html_lane(struct html *html, const struct scale *scale,
	       const struct tcp_socket *socket, int top);

/* The findings of a socket; where that is NULL, those of the process alone. */
void html_marks(struct html *html, const struct scale *scale,
		const struct process *process, const struct tcp_socket *socket,
		int top);

/* Patterns and marks that the pictures use. */
void html_definitions(struct html *html);

/* The colours of the states, and what else is drawn. */
void html_legend(struct html *html);

/* "fd 4 127.0.0.1:5188 <- 127.0.0.1:42555"; in the caller's HTML_TEXT bytes. */
const char *html_ends(const struct tcp_socket *socket, char *space);

/*
 * How many connections to show: all if there is room; else those of which there
 * is something to be told, and a few of the rest.
 */
size_t html_shown(const struct html *html, size_t room);

/* Says of how many there is nothing but their number, if there are such. */
void html_counted(struct html *html);

/* "35 us", "12.3 ms", "4.56 s" */
const char *html_duration(uint64_t ns, char *space);

/* Since the start of the run. */
const char *html_moment(const struct html *html, uint64_t time, char *space);

/* "-", "17", "1.2 MB" */
const char *html_bytes(bool known, uint64_t bytes, char *space);

#endif
