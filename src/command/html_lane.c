/* One lane of the timeline, and the patterns, marks and colours in it. */
#include <stdio.h>
#include <string.h>

#include "command/html.h"

enum { BAR = 15, STRIP = 5 }; /* heights, pixels */

struct paint {
	const char *letters; /* NULL: the state is not drawn */
	bool hatched;
};

static const struct paint paints[ST_COUNT] = {
#define PAINT(state, letters_, fill, ink, hatched_) \
	[ST_##state] = { .letters = letters_, .hatched = hatched_ },
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

static void rectangle(struct page *page, const char *class, double from,
		      double to, int top, int height)
{
	page_open(page, "rect");
	page_attribute(page, "class", "%s", class);
	place(page, from, to, top, height);
	page_close_empty(page);
}

static void write_name(struct page *page, enum tcp_state state,
		       const char *name)
{
	page_open(page, "text");
	page_attribute(page, "class", "ink-%s", state_name(state));
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
	char class[HTML_TEXT];
	struct text text;

	if (!paints[state].letters)
		return;
	text_begin(&text, cause, sizeof(cause));
	event_add_cause(&text, &transition);
	snprintf(class, sizeof(class), "s %s", state_name(state));
	page_open(page, "g");
	page_element(page, "title", NULL, "%s at %s, for %s: %s",
		     state_name(state), html_moment(html, step->time, moment),
		     html_duration(until > step->time ? until - step->time : 0,
				   duration),
		     cause);
	rectangle(page, class, from, to, top, BAR);
	if (paints[state].hatched)
		rectangle(page, "hatch", from, to, top, BAR);
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
	char class[HTML_TEXT];
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
	snprintf(class, sizeof(class), "s %s", state_name(step->edge->to));
	rectangle(page, class, from, to, top + BAR, STRIP);
	rectangle(page, "ahead", from, to, top + BAR, STRIP);
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
		    const char *path)
{
	page_open(page, "pattern");
	page_attribute(page, "id", "%s", id);
	page_attribute(page, "patternUnits", "userSpaceOnUse");
	page_attribute(page, "width", "%d", size);
	page_attribute(page, "height", "%d", size);
	page_open(page, "path");
	page_attribute(page, "d", "%s", path);
	page_attribute(page, "class", "%s", id);
	page_close_empty(page);
	page_close(page);
}

static void mark_shape(struct page *page, enum severity severity,
		       const char *path)
{
	page_open(page, "path");
	page_attribute(page, "id", "mark-%s", severity_name(severity));
	page_attribute(page, "class", "mark %s", severity_name(severity));
	page_attribute(page, "d", "%s", path);
	page_close_empty(page);
}

void html_definitions(struct html *html)
{
	struct page *page = &html->page;

	page_open(page, "svg");
	page_attribute(page, "class", "definitions");
	page_attribute(page, "aria-hidden", "true");
	page_open(page, "defs");
	pattern(page, "hatch-lines", 8, "M-2 2l4-4M0 8l8-8M6 10l4-4");
	pattern(page, "ahead-lines", 6, "M1 0v6M4 0v6");
	mark_shape(page, SEVERITY_ERROR, "M-7-6h14l-7 13z");
	mark_shape(page, SEVERITY_WARNING, "M0-7l7 7-7 7-7-7z");
	mark_shape(page, SEVERITY_NOTE, "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z");
	page_close(page);
	page_close(page);
	page_string(page, "\n");
}

static void legend_state(struct page *page, enum tcp_state state)
{
	char class[HTML_TEXT];

	snprintf(class, sizeof(class), "s %s", state_name(state));
	page_open(page, "li");
	page_attribute(page, "title", "%s", state_meaning(state));
	page_open(page, "svg");
	page_attribute(page, "width", "26");
	page_attribute(page, "height", "15");
	rectangle(page, class, 0, 100, 0, BAR);
	if (paints[state].hatched)
		rectangle(page, "hatch", 0, 100, 0, BAR);
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
			legend_state(page, (enum tcp_state)i);
	}
	page_open(page, "li");
	page_open(page, "svg");
	page_attribute(page, "width", "26");
	page_attribute(page, "height", "15");
	rectangle(page, "s CLOSE_WAIT", 0, 100, 5, STRIP);
	rectangle(page, "ahead", 0, 100, 5, STRIP);
	page_close(page);
	page_text(page, " below a bar: the kernel was already there");
	page_close(page);
	for (int i = SEVERITY_ERROR; i >= SEVERITY_NOTE; i--) {
		page_open(page, "li");
		page_open(page, "svg");
		page_attribute(page, "width", "16");
		page_attribute(page, "height", "15");
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
