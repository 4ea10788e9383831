/* One lane of the timeline, and the patterns, marks and colours in it. */
#include <stdio.h>
#include <string.h>

#include "command/html.h"

enum { BAR = 15, STRIP = 5 }; /* heights, pixels */

struct paint {
	const char *letters; /* NULL: the state is not drawn */
	const char *fill;
	const char *ink;
	bool hatched;
};

static const struct paint paints[ST_COUNT] = {
#define PAINT(state, letters_, fill_, ink_, hatched_) \
	[ST_##state] = { .letters = letters_,         \
			 .fill = fill_,               \
			 .ink = ink_,                 \
			 .hatched = hatched_ },
#include "command/palette.def"
#undef PAINT
};

static void place(struct page *page, double from, double to, int top,
		  int height)
{
	page_attribute(page, "x", "%.3f%%", from);
	page_attribute(page, "y", "%d", top);
	page_attribute(page, "width", "%.3f%%", to - from);
	page_attribute(page, "height", "%d", height);
}

const char *html_fill(enum tcp_state state)
{
	return paints[state].fill ? paints[state].fill : HTML_PANEL;
}

const char *html_ink(enum tcp_state state)
{
	return paints[state].ink ? paints[state].ink : HTML_INK;
}

static void rectangle(struct page *page, const char *class, const char *fill,
		      double from, double to, int top, int height)
{
	page_open(page, "rect");
	page_attribute(page, "class", "%s", class);
	page_attribute(page, "fill", "%s", fill);
	place(page, from, to, top, height);
	page_close_empty(page);
}

/* A part of a bar. */
static void paint(struct page *page, enum tcp_state state, double from,
		  double to, int top, int height)
{
	char class[HTML_TEXT];

	snprintf(class, sizeof(class), "s %s", state_name(state));
	rectangle(page, class, html_fill(state), from, to, top, height);
}

static void hatch(struct page *page, double from, double to, int top)
{
	rectangle(page, "hatch", "url(#hatch-lines)", from, to, top, BAR);
}

/* The strip below a bar. */
static void strip(struct page *page, enum tcp_state state, double from,
		  double to, int top)
{
	paint(page, state, from, to, top, STRIP);
	rectangle(page, "ahead", "url(#ahead-lines)", from, to, top, STRIP);
}

static void write_name(struct page *page, enum tcp_state state,
		       const char *name)
{
	page_open(page, "text");
	page_attribute(page, "class", "ink-%s", state_name(state));
	page_attribute(page, "fill", "%s", html_ink(state));
	page_attribute(page, "x", "3");
	page_attribute(page, "y", "11");
	page_string(page, name);
	page_close(page);
}

/* Clipped to its segment by an svg of its own. */
static void name_segment(struct page *page, enum tcp_state state, double from,
			 double to, int top)
{
	const double least = 3.5, enough = 16; /* percent */

	if (to - from < least)
		return;
	page_open(page, "svg");
	place(page, from, to, top, BAR);
	write_name(page, state,
		   to - from < enough ? paints[state].letters
				      : state_name(state));
	page_close(page);
}

static void segment(struct html *html, const struct scale *scale,
		    const struct tcp_socket *socket, const struct step *step,
		    uint64_t until, int top)
{
	struct page *page = &html->page;
	enum tcp_state state = step->edge->to;
	double from = scale_at(scale, step->time);
	double to = scale_at(scale, until);
	struct transition transition = session_transition(socket, step);
	char moment[HTML_TEXT];
	char duration[HTML_TEXT];
	char cause[HTML_TEXT];
	struct text text;

	if (!paints[state].letters)
		return;
	text_begin(&text, cause, sizeof(cause));
	event_add_cause(&text, &transition);
	page_open(page, "g");
	page_element(page, "title", NULL, "%s at %s, for %s: %s",
		     state_name(state), html_moment(html, step->time, moment),
		     html_duration(until > step->time ? until - step->time : 0,
				   duration),
		     cause);
	paint(page, state, from, to, top, BAR);
	if (paints[state].hatched)
		hatch(page, from, to, top);
	name_segment(page, state, from, to, top);
	page_close(page);
}

static uint64_t later(uint64_t one, uint64_t two)
{
	return one > two ? one : two;
}

/*
 * Where the kernel was found further than the calls implied: it went there at
 * some time since the last look, and not before the other end had closed, or
 * the process had ended, where that is known.
 */
static void ahead(struct html *html, const struct scale *scale,
		  const struct tcp_socket *socket, unsigned int first,
		  unsigned int last, int top)
{
	struct page *page = &html->page;
	const struct step *step = &socket->steps[last];
	uint64_t since = socket->steps[first - 1].time;
	uint64_t ended = step->process->ended;
	enum tcp_event event = socket->steps[first].edge->event;
	const struct step *other = connection_own_end(socket->other_end);
	double from;
	double to = scale_at(scale, step->time);

	if ((event == EVENT_RCV_FIN || event == EVENT_RCV_RST) && other &&
	    other->time < step->time)
		since = later(since, other->time);
	if ((event == EVENT_CLOSE || event == EVENT_ABORT) &&
	    ended <= step->time)
		since = later(since, ended);
	from = scale_at(scale, since);
	if (to - from < 0.1)
		return;
	page_open(page, "g");
	page_element(page, "title", NULL,
		     "expected %s; the kernel went to %s at some time in here, "
		     "seen at %s%s",
		     state_name(socket->steps[first].edge->from),
		     state_name(step->edge->to),
		     step->call == CALL_NONE ? "the end"
					     : call_name((enum call)step->call),
		     step->call == CALL_NONE ? "" : "()");
	strip(page, step->edge->to, from, to, top + BAR);
	page_close(page);
}

/* Steps of one look: all but the last are inferred. */
static unsigned int end_of_look(const struct tcp_socket *socket, unsigned int i)
{
	while (i + 1 < socket->step_count &&
	       socket->steps[i].evidence == EVIDENCE_INFERRED)
		i++;
	return i;
}

void html_lane(struct html *html, const struct scale *scale,
	       const struct tcp_socket *socket, int top)
{
	unsigned int count = socket->step_count;
	unsigned int drawn = count < HTML_STEPS ? count : HTML_STEPS;

	for (unsigned int i = 0; i < drawn; i++) {
		const struct step *step = &socket->steps[i];
		unsigned int end = end_of_look(socket, i);
		bool begins = i == 0 || step[-1].evidence != EVIDENCE_INFERRED;

		segment(html, scale, socket, step,
			i + 1 < count ? step[1].time : html->session->ended,
			top);
		if (i > 0 && begins &&
		    socket->steps[end].evidence == EVIDENCE_KERNEL)
			ahead(html, scale, socket, i, end, top);
	}
	html_marks(html, scale, NULL, socket, top);
}

static void mark(struct html *html, const struct scale *scale,
		 const struct found *found, int top)
{
	struct page *page = &html->page;
	const char *severity = severity_name(rule_severity(found->rule));
	size_t number = html_finding_number(html, found);

	page_open(page, number ? "a" : "g");
	if (number)
		page_attribute(page, "href", "#f%zu", number);
	page_element(page, "title", NULL, "%s: %s [%s]", severity,
		     found->message, rule_slug(found->rule));
	page_open(page, "use");
	page_attribute(page, "href", "#mark-%s", severity);
	page_attribute(page, "x", "%.3f%%", scale_at(scale, found->time));
	page_attribute(page, "y", "%d", top + BAR / 2);
	page_close_empty(page);
	page_close(page);
}

void html_marks(struct html *html, const struct scale *scale,
		const struct process *process, const struct tcp_socket *socket,
		int top)
{
	unsigned int drawn = 0;

	for (const struct found *found = html->session->found;
	     found && drawn < HTML_MARKS; found = found->next) {
		bool is_of =
			socket ? found->socket == socket
			       : !found->socket && found->process &&
					 process_last_image(found->process) ==
						 process;

		if (found->suppressed || !is_of)
			continue;
		mark(html, scale, found, top);
		drawn++;
	}
}

static void pattern(struct page *page, const char *id, int size,
		    const char *path, const char *stroke, const char *width)
{
	page_open(page, "pattern");
	page_attribute(page, "id", "%s", id);
	page_attribute(page, "patternUnits", "userSpaceOnUse");
	page_attribute(page, "width", "%d", size);
	page_attribute(page, "height", "%d", size);
	page_open(page, "path");
	page_attribute(page, "d", "%s", path);
	page_attribute(page, "class", "%s", id);
	page_attribute(page, "fill", "none");
	page_attribute(page, "stroke", "%s", stroke);
	page_attribute(page, "stroke-width", "%s", width);
	page_close_empty(page);
	page_close(page);
}

static void mark_shape(struct page *page, enum severity severity,
		       const char *fill, const char *path)
{
	page_open(page, "path");
	page_attribute(page, "id", "mark-%s", severity_name(severity));
	page_attribute(page, "class", "mark %s", severity_name(severity));
	page_attribute(page, "fill", "%s", fill);
	page_attribute(page, "stroke", HTML_PAPER);
	page_attribute(page, "stroke-width", "1.5");
	page_attribute(page, "d", "%s", path);
	page_close_empty(page);
}

void html_definitions(struct html *html)
{
	struct page *page = &html->page;

	page_open(page, "svg");
	page_attribute(page, "class", "definitions");
	page_attribute(page, "width", "0");
	page_attribute(page, "height", "0");
	page_attribute(page, "aria-hidden", "true");
	page_open(page, "defs");
	pattern(page, "hatch-lines", 8, "M-2 2l4-4M0 8l8-8M6 10l4-4",
		"rgba(0,0,0,.6)", "1");
	pattern(page, "ahead-lines", 6, "M1 0v6M4 0v6", HTML_PAPER, "1.4");
	mark_shape(page, SEVERITY_ERROR, HTML_ERROR, "M-7-6h14l-7 13z");
	mark_shape(page, SEVERITY_WARNING, HTML_WARNING, "M0-7l7 7-7 7-7-7z");
	mark_shape(page, SEVERITY_NOTE, HTML_NOTE,
		   "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z");
	page_close(page);
	page_close(page);
	page_string(page, "\n");
}

void html_picture(struct html *html, int width, int height, const char *label)
{
	struct page *page = &html->page;

	page_open(page, "svg");
	if (width > 0)
		page_attribute(page, "width", "%d", width);
	else
		page_attribute(page, "width", "100%%");
	page_attribute(page, "height", "%d", height);
	page_attribute(page, "font-family", "system-ui,sans-serif");
	page_attribute(page, "font-size", "11");
	if (!label)
		return;
	page_attribute(page, "role", "img");
	page_attribute(page, "aria-label", "%s", label);
}

static void legend_state(struct html *html, enum tcp_state state)
{
	struct page *page = &html->page;

	page_open(page, "li");
	page_attribute(page, "title", "%s", state_meaning(state));
	html_picture(html, 26, BAR, NULL);
	paint(page, state, 0, 100, 0, BAR);
	if (paints[state].hatched)
		hatch(page, 0, 100, 0);
	write_name(page, state, paints[state].letters);
	page_close(page);
	page_text(page, " %s", state_name(state));
	page_close(page);
}

void html_legend(struct html *html)
{
	struct page *page = &html->page;

	page_open(page, "ul");
	page_attribute(page, "class", "legend");
	for (int i = 0; i < ST_COUNT; i++) {
		if (paints[i].letters)
			legend_state(html, (enum tcp_state)i);
	}
	page_open(page, "li");
	html_picture(html, 26, BAR, NULL);
	strip(page, ST_CLOSE_WAIT, 0, 100, 5);
	page_close(page);
	page_text(page,
		  " below a bar: the kernel went there at some time in it");
	page_close(page);
	for (int i = SEVERITY_ERROR; i >= SEVERITY_NOTE; i--) {
		page_open(page, "li");
		html_picture(html, 16, BAR, NULL);
		page_open(page, "use");
		page_attribute(page, "href", "#mark-%s",
			       severity_name((enum severity)i));
		page_attribute(page, "x", "8");
		page_attribute(page, "y", "7");
		page_close_empty(page);
		page_close(page);
		page_text(page, " %s", severity_name((enum severity)i));
		page_close(page);
	}
	page_close(page);
	page_string(page, "\n");
}
