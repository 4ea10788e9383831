/*
 * The connection state diagram of RFC 9293 (figure 5), with what this run has
 * gone through. The places are fixed here; which edges there are, and what they
 * are called, comes from the table of transitions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/html.h"

enum {
	WIDTH = 640,
	MARGIN = 16,
	HEIGHT = 796,
	BOX_WIDTH = 118,
	BOX_HEIGHT = 34
};
enum { WRAP = 18 /* letters in a line */, LINE_HEIGHT = 11 };

struct spot {
	int x;
	int y;
};

/* The middle of each box. CLOSED is there twice, as in the RFC's figure. */
static const struct spot boxes[ST_COUNT] = {
	[ST_CLOSED] = { 320, 32 },       [ST_LISTEN] = { 120, 130 },
	[ST_SYN_SENT] = { 520, 130 },    [ST_SYN_RCVD] = { 120, 250 },
	[ST_ESTABLISHED] = { 320, 330 }, [ST_FIN_WAIT_1] = { 120, 420 },
	[ST_CLOSE_WAIT] = { 520, 420 },  [ST_FIN_WAIT_2] = { 120, 550 },
	[ST_CLOSING] = { 320, 550 },     [ST_LAST_ACK] = { 520, 550 },
	[ST_TIME_WAIT] = { 320, 700 },
};
static const struct spot closed_again = { 520, 700 };

struct route {
	enum tcp_state from;
	enum tcp_state to;
	const char *path;
	struct spot count; /* the middle of the number */
	struct spot text;
	const char *anchor;
};

static const struct route routes[] = {
#define ROUTE(from_, to_, path_, x, y, text_x, text_y, anchor_) \
	{                                                       \
		.from = ST_##from_,                             \
		.to = ST_##to_,                                 \
		.path = path_,                                  \
		.count = { x, y },                              \
		.text = { text_x, text_y },                     \
		.anchor = anchor_,                              \
	},
#include "command/routes.def"
#undef ROUTE
};

enum { ROUTE_COUNT = sizeof(routes) / sizeof(routes[0]) };

/* What ends at once in CLOSED, by a reset or a time-out, gets a short arrow. */
static int side_of(enum tcp_state state)
{
	return boxes[state].x < WIDTH / 3 ? -1 : 1;
}

static const struct route *route_of(enum tcp_state from, enum tcp_state to)
{
	for (int i = 0; i < ROUTE_COUNT; i++) {
		if (routes[i].from == from && routes[i].to == to)
			return &routes[i];
	}
	return NULL;
}

/* How often the run went from one state to the other, by whatever event. */
static unsigned int count_of(const struct session *session, enum tcp_state from,
			     enum tcp_state to)
{
	unsigned int sum = 0;
	size_t count;
	const struct edge *edges = machine_edges(&count);

	for (size_t i = 0; i < count; i++) {
		if (edges[i].from == from && edges[i].to == to)
			sum += session->edge_counts[i];
	}
	return sum;
}

static bool was_visited(const struct session *session, enum tcp_state state)
{
	size_t count;
	const struct edge *edges = machine_edges(&count);

	for (size_t i = 0; i < count; i++) {
		if (session->edge_counts[i] > 0 &&
		    (edges[i].from == state || edges[i].to == state))
			return true;
	}
	return false;
}

static const char *times_word(unsigned int times)
{
	return times == 1 ? "time" : "times";
}

static void write_title(struct html *html, enum tcp_state from,
			enum tcp_state to)
{
	struct page *page = &html->page;
	size_t count;
	const struct edge *edges = machine_edges(&count);

	page_open(page, "title");
	page_text(page, "%s to %s", state_name(from), state_name(to));
	for (size_t i = 0; i < count; i++) {
		if (edges[i].from != from || edges[i].to != to)
			continue;
		page_text(page, "\n%s (section %s): %u %s",
			  machine_event_text(edges[i].event), edges[i].section,
			  html->session->edge_counts[i],
			  times_word(html->session->edge_counts[i]));
	}
	page_close(page);
}

static void write_line(struct page *page, int x, int y, const char *text,
		       size_t length)
{
	page_open(page, "tspan");
	page_attribute(page, "x", "%d", x);
	page_attribute(page, "y", "%d", y);
	page_text(page, "%.*s", (int)length, text);
	page_close(page);
}

/* The whole number is in the title. */
static const char *short_number(unsigned int number, char *space)
{
	if (number < 10000)
		snprintf(space, HTML_TEXT, "%u", number);
	else if (number < 1000000)
		snprintf(space, HTML_TEXT, "%uk", number / 1000);
	else
		snprintf(space, HTML_TEXT, "%uM", number / 1000000);
	return space;
}

/* Broken between words into lines that fit beside the arrows; where they end. */
static int write_lines(struct page *page, int x, int y, const char *text)
{
	while (*text) {
		size_t length = strlen(text);

		if (length > WRAP) {
			length = WRAP;
			while (length > 1 && text[length] != ' ')
				length--;
		}
		write_line(page, x, y, text, length);
		text += length + (text[length] == ' ');
		y += LINE_HEIGHT;
	}
	return y;
}

/*
 * The events by which the run went this way, with their counts if they are
 * several; where it did not go, what the first row of the table names.
 */
static void write_events(struct html *html, const struct route *route,
			 unsigned int times)
{
	struct page *page = &html->page;
	const unsigned int *counts = html->session->edge_counts;
	int y = route->text.y;
	char number[HTML_TEXT];
	char text[2 * HTML_TEXT];
	size_t count;
	const struct edge *edges = machine_edges(&count);
	const struct edge *first =
		machine_edge(route->from, route->to, EVENT_NONE);

	page_open(page, "text");
	page_attribute(page, "class", "event");
	page_attribute(page, "fill", HTML_FAINT);
	page_attribute(page, "font-size", "10");
	page_attribute(page, "text-anchor", "%s", route->anchor);
	for (size_t i = 0; i < count; i++) {
		const char *event = machine_event_text(edges[i].event);
		bool is_alone = times == 0 || counts[i] == times;

		if (edges[i].from != route->from || edges[i].to != route->to ||
		    (times > 0 ? counts[i] == 0 : &edges[i] != first))
			continue;
		if (is_alone)
			snprintf(text, sizeof(text), "%s", event);
		else
			snprintf(text, sizeof(text), "%s %s",
				 short_number(counts[i], number), event);
		y = write_lines(page, route->text.x, y, text);
	}
	page_close(page);
}

static void write_count(struct page *page, struct spot at, unsigned int times)
{
	char number[HTML_TEXT];
	int width = 12 + 7 * (int)strlen(short_number(times, number));

	page_open(page, "rect");
	page_attribute(page, "class", "count");
	page_attribute(page, "fill", HTML_PAPER);
	page_attribute(page, "stroke", HTML_TAKEN);
	page_attribute(page, "x", "%d", at.x - width / 2);
	page_attribute(page, "y", "%d", at.y - 9);
	page_attribute(page, "width", "%d", width);
	page_attribute(page, "height", "18");
	page_attribute(page, "rx", "9");
	page_close_empty(page);
	page_open(page, "text");
	page_attribute(page, "class", "times");
	page_attribute(page, "font-size", "12");
	page_attribute(page, "x", "%d", at.x);
	page_attribute(page, "y", "%d", at.y + 4);
	page_attribute(page, "text-anchor", "middle");
	page_string(page, number);
	page_close(page);
}

static void draw_path(struct page *page, const char *path, bool taken)
{
	page_open(page, "path");
	page_attribute(page, "class", taken ? "edge taken" : "edge");
	page_attribute(page, "fill", "none");
	page_attribute(page, "stroke", taken ? HTML_TAKEN : HTML_EDGE);
	page_attribute(page, "stroke-width", taken ? "2.6" : "1");
	page_attribute(page, "stroke-dasharray", taken ? "none" : "4 3");
	page_attribute(page, "d", "%s", path);
	page_attribute(page, "marker-end",
		       taken ? "url(#arrow-taken)" : "url(#arrow)");
	page_close_empty(page);
}

static void draw_route(struct html *html, const struct route *route)
{
	unsigned int times = count_of(html->session, route->from, route->to);

	page_open(&html->page, "g");
	write_title(html, route->from, route->to);
	draw_path(&html->page, route->path, times > 0);
	write_events(html, route, times);
	if (times > 0)
		write_count(&html->page, route->count, times);
	page_close(&html->page);
}

static void draw_stub(struct html *html, enum tcp_state from)
{
	unsigned int times = count_of(html->session, from, ST_CLOSED);
	int side = side_of(from);
	struct spot end = { boxes[from].x + side * (BOX_WIDTH / 2 + 26),
			    boxes[from].y };
	char path[HTML_TEXT];

	snprintf(path, sizeof(path), "M%d %dH%d",
		 boxes[from].x + side * BOX_WIDTH / 2, end.y, end.x);
	page_open(&html->page, "g");
	write_title(html, from, ST_CLOSED);
	draw_path(&html->page, path, times > 0);
	if (times > 0)
		write_count(&html->page, (struct spot){ end.x, end.y - 18 },
			    times);
	page_close(&html->page);
}

static void draw_box(struct html *html, enum tcp_state state, struct spot at)
{
	struct page *page = &html->page;
	bool visited = was_visited(html->session, state);

	page_open(page, "g");
	page_element(page, "title", NULL, "%s: %s", state_name(state),
		     state_meaning(state));
	page_open(page, "rect");
	page_attribute(page, "class", visited ? "box s %s" : "box",
		       state_name(state));
	page_attribute(page, "fill", "%s",
		       visited ? html_fill(state) : HTML_PANEL);
	page_attribute(page, "stroke", HTML_EDGE);
	page_attribute(page, "x", "%d", at.x - BOX_WIDTH / 2);
	page_attribute(page, "y", "%d", at.y - BOX_HEIGHT / 2);
	page_attribute(page, "width", "%d", BOX_WIDTH);
	page_attribute(page, "height", "%d", BOX_HEIGHT);
	page_attribute(page, "rx", "6");
	page_close_empty(page);
	page_open(page, "text");
	page_attribute(page, "class", visited ? "state ink-%s" : "state",
		       state_name(state));
	page_attribute(page, "fill", "%s",
		       visited ? html_ink(state) : HTML_FAINT);
	page_attribute(page, "font-size", "12");
	page_attribute(page, "x", "%d", at.x);
	page_attribute(page, "y", "%d", at.y + 4);
	page_attribute(page, "text-anchor", "middle");
	page_string(page, state_name(state));
	page_close(page);
	page_close(page);
}

static void define_arrow(struct page *page, const char *id, const char *fill)
{
	page_open(page, "marker");
	page_attribute(page, "id", "%s", id);
	page_attribute(page, "class", "%s", id);
	page_attribute(page, "fill", "%s", fill);
	page_attribute(page, "viewBox", "0 0 10 10");
	page_attribute(page, "refX", "8");
	page_attribute(page, "refY", "5");
	page_attribute(page, "markerWidth", "10");
	page_attribute(page, "markerHeight", "10");
	page_attribute(page, "markerUnits", "userSpaceOnUse");
	page_attribute(page, "orient", "auto");
	page_open(page, "path");
	page_attribute(page, "d", "M0 1l9 4-9 4z");
	page_close_empty(page);
	page_close(page);
}

/* Each pair of states once. */
static void draw_edges(struct html *html)
{
	size_t count;
	const struct edge *edges = machine_edges(&count);

	for (size_t i = 0; i < count; i++) {
		const struct edge *edge = &edges[i];
		const struct route *route = route_of(edge->from, edge->to);

		if (machine_edge(edge->from, edge->to, EVENT_NONE) != edge)
			continue;
		if (route)
			draw_route(html, route);
		else
			draw_stub(html, edge->from);
	}
}

static void write_table(struct html *html)
{
	struct page *page = &html->page;
	size_t count;
	const struct edge *edges = machine_edges(&count);

	page_open(page, "details");
	page_element(page, "summary", NULL, "The same as a table");
	page_open(page, "table");
	page_attribute(page, "class", "edges");
	page_open(page, "tbody");
	for (size_t i = 0; i < count; i++) {
		if (html->session->edge_counts[i] == 0)
			continue;
		page_open(page, "tr");
		page_element(page, "td", NULL, "%u %s",
			     html->session->edge_counts[i],
			     times_word(html->session->edge_counts[i]));
		page_element(page, "td", NULL, "%s to %s",
			     state_name(edges[i].from),
			     state_name(edges[i].to));
		page_element(page, "td", NULL, "%s",
			     machine_event_text(edges[i].event));
		page_element(page, "td", NULL, "RFC 9293, %s",
			     edges[i].section);
		page_close(page);
		page_string(page, "\n");
	}
	page_close(page);
	page_close(page);
	page_close(page);
}

void html_diagram(struct html *html)
{
	struct page *page = &html->page;

	page_open(page, "section");
	page_element(page, "h2", NULL, "States");
	page_element(
		page, "p", "caption",
		"The diagram of RFC 9293, section 3.3.2. Thick arrows are "
		"the ways that this run went, and how often; the short ones "
		"are resets and time-outs, which end in CLOSED.");
	page_open(page, "div");
	page_attribute(page, "class", "scroll");
	html_picture(html, WIDTH + 2 * MARGIN, HEIGHT, "state diagram");
	page_attribute(page, "class", "diagram");
	page_attribute(page, "viewBox", "%d 0 %d %d", -MARGIN,
		       WIDTH + 2 * MARGIN, HEIGHT);
	page_open(page, "defs");
	define_arrow(page, "arrow", HTML_EDGE);
	define_arrow(page, "arrow-taken", HTML_TAKEN);
	page_close(page);
	draw_edges(html);
	for (int i = ST_CLOSED; i < ST_COUNT; i++)
		draw_box(html, (enum tcp_state)i, boxes[i]);
	draw_box(html, ST_CLOSED, closed_again);
	page_close(page);
	page_close(page);
	write_table(html);
	page_close(page);
	page_string(page, "\n");
}
