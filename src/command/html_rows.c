#include "command/html_rows.h"

#include <stdlib.h>
#include <string.h>

#include "command/say.h"

enum { INTEREST_FOUND = 4 }; /* and more: something was found */

static struct connection *copy_sorted(const struct connection *list,
				      size_t count)
{
	struct connection *copy = need_memory(calloc(count + 1, sizeof(*copy)));

	if (count > 0)
		memcpy(copy, list, count * sizeof(*copy));
	connections_sort_by_process(copy, count);
	return copy;
}

static void split(struct rows *rows, const struct html *html)
{
	size_t count = html->connection_count;
	size_t shown = html_shown(html, HTML_LANES);

	rows->shown = copy_sorted(html->connections, shown);
	rows->shown_count = shown;
	rows->folded = copy_sorted(html->connections + shown, count - shown);
	rows->folded_count = count - shown;
}

/* The connections of the process; both lists are sorted by it. */
static struct range range_of(const struct connection *list, size_t count,
			     const struct process *process)
{
	struct range range = { .list = list };
	size_t first = 0;
	size_t end = count;

	while (first < end) {
		size_t middle = (first + end) / 2;

		if (connection_process(list[middle].one)->number <
		    process->number)
			first = middle + 1;
		else
			end = middle;
	}
	range.list = list + first;
	while (first + range.count < count &&
	       connection_process(range.list[range.count].one) == process)
		range.count++;
	return range;
}

/* Severity + 1 of the worst that was found in the process; 0: nothing was. */
static unsigned int worst_of(const struct process *process)
{
	unsigned int worst = 0;

	for (; process; process = process->replaced) {
		for (unsigned int i = worst; i < SEVERITY_COUNT; i++) {
			if (process->found[i] > 0)
				worst = i + 1;
		}
	}
	return worst;
}

static unsigned int greater(unsigned int one, unsigned int two)
{
	return one > two ? one : two;
}

/*
 * By the worst that was found in it or at either end of what is drawn there;
 * then by its lanes: has any something to tell, are there any?
 */
static unsigned int interest_of(const struct row *row)
{
	unsigned int worst = worst_of(row->process);
	unsigned int plain = 0;

	for (size_t i = 0; i < row->shown.count; i++) {
		const struct connection *at = &row->shown.list[i];

		plain = greater(plain, at->interest > 0 ? 2 : 1);
		worst = greater(worst, at->one->worst);
		if (at->two)
			worst = greater(worst, at->two->worst);
	}
	return INTEREST_FOUND * worst + plain;
}

static int compare_interest(const void *a, const void *b)
{
	const struct row *one = a;
	const struct row *two = b;

	if (one->interest != two->interest)
		return (one->interest < two->interest) -
		       (one->interest > two->interest);
	return (one->order > two->order) - (one->order < two->order);
}

static int compare_order(const void *a, const void *b)
{
	const struct row *one = a;
	const struct row *two = b;

	return (one->order > two->order) - (one->order < two->order);
}

/* Is there nothing to be drawn of it? */
static bool is_idle(const struct rows *rows, const struct row *row)
{
	if (row->shown.count + row->folded.count > 0 || row->interest > 0)
		return false;
	for (size_t i = 0; i < rows->shown_count; i++) {
		const struct tcp_socket *two = rows->shown[i].two;

		if (two && connection_process(two) == row->process)
			return false;
	}
	return true;
}

/* All of which something can be drawn, the most interesting first. */
static void add_rows(struct rows *rows, const struct html *html)
{
	const struct process *process = html->session->processes;

	rows->list = need_memory(
		calloc(html->session->process_count, sizeof(*rows->list)));
	for (; process; process = process->next) {
		struct row row = {
			.process = process,
			.shown = range_of(rows->shown, rows->shown_count,
					  process),
			.folded = range_of(rows->folded, rows->folded_count,
					   process),
			.order = (unsigned int)rows->drawn,
		};

		if (process->replaced_by)
			continue;
		row.interest = interest_of(&row);
		if (is_idle(rows, &row))
			rows->idle++;
		else
			rows->list[rows->drawn++] = row;
	}
	qsort(rows->list, rows->drawn, sizeof(*rows->list), compare_interest);
}

/* In the order of their starts, unless there are too many to look through. */
struct rows rows_make(const struct html *html)
{
	struct rows rows = { .drawn = 0 };

	split(&rows, html);
	add_rows(&rows, html);
	if (rows.drawn <= HTML_PROCESSES) {
		qsort(rows.list, rows.drawn, sizeof(*rows.list), compare_order);
	} else {
		rows.hidden = rows.drawn - HTML_PROCESSES;
		rows.drawn = HTML_PROCESSES;
		rows.hidden_found = rows.list[rows.drawn].interest >=
				    INTEREST_FOUND;
	}
	return rows;
}

void rows_free(struct rows *rows)
{
	free(rows->shown);
	free(rows->folded);
	free(rows->list);
}
