/* The timeline: for each process its sockets, both ends of one together. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "command/html_rows.h"
#include "command/say.h"
#include "command/signal_name.h"

enum {
	LANE = 22,     /* height of a lane, pixels */
	TICKS = 4,     /* parts of the axis */
	BUCKETS = 200, /* of the picture of folded connections */
	SAMPLES = 200, /* of their times */
	AREA = 36,     /* its height, pixels */
	FEW = 1,       /* connections that take no more room than it */
};

static void add_steps(struct scale *scale, const struct tcp_socket *socket)
{
	for (unsigned int i = 0;
	     socket && i < socket->step_count && i < HTML_STEPS; i++)
		scale_add(scale, socket->steps[i].time);
}

static void make_scale(struct scale *scale, const struct html *html,
		       const struct rows *rows)
{
	size_t stride = rows->folded_count / SAMPLES + 1;

	scale_begin(scale);
	scale_add(scale, html->session->started);
	scale_add(scale, html->session->ended);
	for (size_t i = 0; i < rows->shown_count; i++) {
		add_steps(scale, rows->shown[i].one);
		add_steps(scale, rows->shown[i].two);
	}
	for (size_t i = 0; i < rows->folded_count; i += stride)
		scale_add(scale, rows->folded[i].one->first);
	for (size_t i = 0; i < html->finding_count; i++)
		scale_add(scale, html->findings[i]->time);
	scale_place(scale);
}

/* As many digits as the marks need to differ. */
static int digits_for(const struct scale *scale)
{
	double least = 1;
	int digits;

	for (int i = 0; i < TICKS; i++) {
		uint64_t from = scale_time(scale, 100.0 * i / TICKS);
		uint64_t to = scale_time(scale, 100.0 * (i + 1) / TICKS);

		if (to > from)
			least = fmin(least, (double)(to - from) / 1e9);
	}
	digits = (int)ceil(-log10(least)) + 1;
	return digits > 6 ? 6 : digits;
}

static void draw_axis(struct html *html, const struct scale *scale)
{
	static const char *const anchors[TICKS + 1] = { "start", "middle",
							"middle", "middle",
							"end" };
	int digits = digits_for(scale);
	uint64_t zero = html->session->started;

	for (int i = 0; i <= TICKS; i++) {
		double at = 100.0 * i / TICKS;
		uint64_t time = scale_time(scale, at);

		page_open(&html->page, "text");
		page_attribute(&html->page, "class", "tick");
		page_attribute(&html->page, "fill", HTML_FAINT);
		page_attribute(&html->page, "x", "%g%%", at);
		page_attribute(&html->page, "y", "11");
		page_attribute(&html->page, "text-anchor", "%s", anchors[i]);
		page_text(&html->page, "%.*f s", digits,
			  time > zero ? (double)(time - zero) / 1e9 : 0.0);
		page_close(&html->page);
	}
}

/* The time from the process's start to its end, and what is its own. */
static void draw_life(struct html *html, const struct scale *scale,
		      const struct process *process)
{
	const struct process *first = process;
	uint64_t end = process->ended ? process->ended : html->session->ended;
	struct page *page = &html->page;
	double from;

	while (first->replaced)
		first = first->replaced;
	from = scale_at(scale, first->started);
	html_picture(html, 0, 32, "life of the process");
	draw_axis(html, scale);
	page_open(page, "rect");
	page_attribute(page, "class", "life");
	page_attribute(page, "fill", HTML_EDGE);
	page_attribute(page, "x", "%.3f%%", from);
	page_attribute(page, "y", "21");
	page_attribute(page, "width", "%.3f%%", scale_at(scale, end) - from);
	page_attribute(page, "height", "4");
	page_close_empty(page);
	html_marks(html, scale, process, NULL, 16);
	page_close(page);
}

static void write_status(struct page *page, const struct process *process)
{
	if (!process->status_known)
		return;
	if (WIFSIGNALED(process->status))
		page_text(page, ", killed by %s",
			  signal_name(WTERMSIG(process->status)).text);
	else
		page_text(page, ", status %d", WEXITSTATUS(process->status));
}

/* Where the connections are that stand under the process at the other end. */
static void write_drawn_elsewhere(struct html *html, const struct rows *rows,
				  const struct process *process)
{
	const struct process *other = NULL;
	bool several = false;
	unsigned int count = 0;

	for (size_t i = 0; i < rows->shown_count; i++) {
		const struct connection *at = &rows->shown[i];

		if (!at->two || connection_process(at->two) != process ||
		    connection_process(at->one) == process)
			continue;
		several |= other && other != connection_process(at->one);
		other = connection_process(at->one);
		count++;
	}
	if (count > 0)
		page_element(&html->page, "p", "folded",
			     "%u of its connections: see the other end, pid %d "
			     "(%s)%s",
			     count, other->pid, other->command,
			     several ? " and others" : "");
}

static void write_label(struct page *page, const struct tcp_socket *socket,
			bool other)
{
	char ends[HTML_TEXT];

	page_open(page, "p");
	page_attribute(page, "class", "ends");
	if (other)
		page_text(page, "pid %d (%s) ", connection_process(socket)->pid,
			  connection_process(socket)->command);
	page_string(page, html_ends(socket, ends));
	page_close(page);
}

static void draw_connection(struct html *html, const struct scale *scale,
			    const struct connection *connection)
{
	struct page *page = &html->page;

	page_open(page, "div");
	page_attribute(page, "class", connection->two ? "lane pair" : "lane");
	write_label(page, connection->one, false);
	html_picture(html, 0, connection->two ? 2 * LANE : LANE, "states");
	html_lane(html, scale, connection->one, 1);
	if (connection->two)
		html_lane(html, scale, connection->two, LANE + 1);
	page_close(page);
	if (connection->two)
		write_label(page, connection->two, true);
	page_close(page);
	page_string(page, "\n");
}

static int bucket_of(const struct scale *scale, uint64_t time)
{
	int bucket = (int)(scale_at(scale, time) * BUCKETS / 100);

	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* False: there were too many of which something is to be told. */
static bool is_plain(struct range range)
{
	for (size_t i = 0; i < range.count; i++) {
		if (range.list[i].interest > 0)
			return false;
	}
	return true;
}

/* How many of them there were at a time. */
static void draw_folded(struct html *html, const struct scale *scale,
			struct range folded)
{
	struct page *page = &html->page;
	long open[BUCKETS + 1] = { 0 };
	long most = 1;
	char *path = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&path, &size));

	for (size_t i = 0; i < folded.count; i++) {
		const struct connection *at = &folded.list[i];

		open[bucket_of(scale, at->one->first)]++;
		open[bucket_of(scale, connection_last(at, html->session)) + 1]--;
	}
	fputs("M0 100", stream);
	for (int i = 0; i < BUCKETS; i++) {
		open[i] += i > 0 ? open[i - 1] : 0;
		most = open[i] > most ? open[i] : most;
	}
	for (int i = 0; i < BUCKETS; i++)
		fprintf(stream, "V%.1fH%d",
			100 - 96 * (double)open[i] / (double)most, i + 1);
	fputs("V100z", stream);
	fclose(stream);
	page_open(page, "div");
	page_attribute(page, "class", "lane");
	page_element(page, "p", "folded",
		     "%zu connections more%s: how many there were in each of "
		     "%d stretches of time, at most %ld",
		     folded.count,
		     is_plain(folded) ? ", of which nothing is to be told" : "",
		     BUCKETS, most);
	html_picture(html, 0, AREA, "folded connections");
	page_open(page, "svg");
	page_attribute(page, "viewBox", "0 0 %d 100", BUCKETS);
	page_attribute(page, "preserveAspectRatio", "none");
	page_open(page, "path");
	page_attribute(page, "class", "area");
	page_attribute(page, "fill", HTML_TAKEN);
	page_attribute(page, "d", "%s", path);
	page_close_empty(page);
	page_close(page);
	page_close(page);
	page_close(page);
	free(path);
}

static void draw_connections(struct html *html, const struct scale *scale,
			     struct range range)
{
	for (size_t i = 0; i < range.count; i++)
		draw_connection(html, scale, &range.list[i]);
}

static void draw_process(struct html *html, const struct scale *scale,
			 const struct rows *rows, const struct row *row)
{
	const struct process *process = row->process;
	struct page *page = &html->page;

	page_open(page, "div");
	page_attribute(page, "class", "process");
	page_open(page, "h3");
	page_text(page, "pid %d (%s)", process->pid, process->command);
	page_open(page, "small");
	write_status(page, process);
	page_close(page);
	page_close(page);
	page_element(page, "p", "arguments", "%.300s", process->arguments);
	draw_life(html, scale, process);
	draw_connections(html, scale, row->shown);
	if (row->folded.count > FEW)
		draw_folded(html, scale, row->folded);
	else
		draw_connections(html, scale, row->folded);
	write_drawn_elsewhere(html, rows, process);
	page_close(page);
	page_string(page, "\n");
}

static void write_hidden(struct page *page, const struct rows *rows)
{
	page_element(page, "p", "folded", "%zu %s more%s %s not drawn.",
		     rows->hidden, rows->hidden == 1 ? "process" : "processes",
		     rows->hidden_found ? "" : ", in which nothing was found,",
		     rows->hidden == 1 ? "is" : "are");
}

void html_timeline(struct html *html)
{
	struct scale scale;
	struct rows rows;
	struct page *page = &html->page;

	if (html->session->process_count == 0)
		return;
	rows = rows_make(html);
	make_scale(&scale, html, &rows);
	page_open(page, "section");
	page_element(page, "h2", NULL, "Timeline");
	page_element(page, "p", "caption",
		     "Each bar is a socket, its colour what the calls entitle "
		     "the program to believe. Time runs to the right, and is "
		     "stretched where much happens; the numbers are seconds "
		     "since the start.");
	html_legend(html);
	for (size_t i = 0; i < rows.drawn; i++)
		draw_process(html, &scale, &rows, &rows.list[i]);
	if (rows.idle > 0)
		page_element(page, "p", "folded",
			     "%u %s without a socket that is drawn here.",
			     rows.idle,
			     rows.idle == 1 ? "process" : "processes");
	if (rows.hidden > 0)
		write_hidden(page, &rows);
	html_counted(html);
	page_close(page);
	scale_end(&scale);
	rows_free(&rows);
}
