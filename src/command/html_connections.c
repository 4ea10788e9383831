/* The table of connections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/html.h"
#include "command/say.h"

/* Connections of one process to (or from) one address, summed up. */
struct group {
	const struct process *process;
	struct address service; /* the side that was connected to */
	enum role role;
	unsigned int count;
	unsigned int alive;
	struct counters counters;
	uint64_t longest;
};

static void cell(struct page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void cell(struct page *page, const char *format, ...)
{
	char *text = NULL;
	va_list list;

	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	page_element(page, "td", NULL, "%s", (char *)need_memory(text));
	free(text);
}

static void write_head(struct page *page, const char *class,
		       const char *const *names)
{
	page_open(page, "table");
	page_attribute(page, "class", "%s", class);
	page_open(page, "thead");
	page_open(page, "tr");
	for (; *names; names++)
		page_element(page, "th", NULL, "%s", *names);
	page_close(page);
	page_close(page);
	page_open(page, "tbody");
	page_string(page, "\n");
}

static void write_end_of(struct page *page, const struct tcp_socket *socket)
{
	char ends[HTML_TEXT];

	page_open(page, "div");
	page_element(page, "code", NULL, "%s", html_ends(socket, ends));
	page_text(page, " pid %d (%s)", connection_process(socket)->pid,
		  connection_process(socket)->command);
	page_close(page);
}

static void write_state(struct page *page, const struct tcp_socket *socket)
{
	const struct leftover *left = socket->left;

	page_open(page, "div");
	page_string(page, state_name(socket->state));
	if (left && left->timed)
		page_text(page, ", %u s left", (left->expires + 999) / 1000);
	else if (left && left->pid)
		page_text(page, ", held by pid %d (%s) fd %d", left->pid,
			  left->command, left->fd);
	page_close(page);
}

static void write_closer(struct page *page, const struct connection *connection)
{
	struct ending ending = connection_ending(connection);
	const struct tcp_socket *socket =
		ending.closer == CLOSER_TWO ? connection->two : connection->one;

	page_open(page, "td");
	if (!ending.edge)
		page_string(page, "-");
	else if (ending.closer == CLOSER_NONE)
		page_string(page, ending.edge->text);
	else if (ending.closer == CLOSER_BOTH)
		page_string(page, "both at once");
	else if (socket)
		page_text(page, "pid %d (%s)", connection_process(socket)->pid,
			  connection_process(socket)->command);
	else
		page_string(page, "the peer");
	if (ending.edge && ending.edge->to == ST_CLOSED &&
	    ending.closer != CLOSER_NONE)
		page_text(page, ": %s", ending.edge->text);
	page_close(page);
}

static void write_findings(struct html *html,
			   const struct connection *connection)
{
	struct page *page = &html->page;
	unsigned int total = connection->one->found +
			     (connection->two ? connection->two->found : 0);
	unsigned int linked = 0;

	page_open(page, "td");
	if (total == 0)
		page_attribute(page, "class", "none");
	page_open(page, "div");
	for (size_t i = 0; i < html->finding_count && total > 0; i++) {
		const struct found *found = html->findings[i];

		if (!found->socket || (found->socket != connection->one &&
				       found->socket != connection->two))
			continue;
		if (linked++ > 0)
			page_string(page, " ");
		page_open(page, "a");
		page_attribute(page, "href", "#f%zu", i + 1);
		page_string(page, rule_slug(found->rule));
		page_close(page);
	}
	if (total > linked)
		page_text(page, " %u more", total - linked);
	page_close(page);
	page_close(page);
}

static void write_row(struct html *html, const struct connection *connection)
{
	struct page *page = &html->page;
	struct counters counters = connection_counters(connection);
	uint64_t first = connection_first(connection);
	char text[HTML_TEXT];

	page_open(page, "tr");
	page_open(page, "td");
	write_end_of(page, connection->one);
	if (connection->two)
		write_end_of(page, connection->two);
	page_close(page);
	page_open(page, "td");
	write_state(page, connection->one);
	if (connection->two)
		write_state(page, connection->two);
	page_close(page);
	cell(page, "%s", html_moment(html, first, text));
	cell(page, "%s%s",
	     html_duration(connection_lasted(connection, html->session), text),
	     connection_lives(connection) ? " and on" : "");
	if (connection->one->listened)
		counters.known = false;
	cell(page, "%s", html_bytes(counters.known, counters.sent, text));
	cell(page, "%s", html_bytes(counters.known, counters.received, text));
	if (counters.known)
		cell(page, "%u", counters.retransmits);
	else
		cell(page, "-");
	write_closer(page, connection);
	write_findings(html, connection);
	page_close(page);
	page_string(page, "\n");
}

static struct address service_of(const struct tcp_socket *socket)
{
	return socket->role == ROLE_ACTIVE ? socket->peer : socket->local;
}

static int compare_groups(const void *a, const void *b)
{
	const struct tcp_socket *one = ((const struct connection *)a)->one;
	const struct tcp_socket *two = ((const struct connection *)b)->one;
	uint32_t first = connection_process(one)->number;
	uint32_t second = connection_process(two)->number;
	struct address left = service_of(one);
	struct address right = service_of(two);

	if (first != second)
		return (first > second) - (first < second);
	if (one->role != two->role)
		return (one->role > two->role) - (one->role < two->role);
	return memcmp(&left, &right, sizeof(left));
}

static void add_to(struct group *group, const struct connection *connection,
		   const struct session *session)
{
	struct counters counters = connection_counters(connection);
	uint64_t lasted = connection_lasted(connection, session);

	group->count++;
	group->alive += connection_lives(connection);
	group->longest = lasted > group->longest ? lasted : group->longest;
	group->counters.known |= counters.known;
	group->counters.sent += counters.sent;
	group->counters.received += counters.received;
	group->counters.retransmits += counters.retransmits;
}

static void write_group(struct page *page, const struct group *group)
{
	char space[HTML_TEXT];
	struct text text;

	text_begin(&text, space, sizeof(space));
	text_add(&text, group->role == ROLE_ACTIVE ? "to " : "at ");
	text_add_address(&text, &group->service);
	page_open(page, "tr");
	cell(page, "%u", group->count);
	cell(page, "pid %d (%s)", group->process->pid, group->process->command);
	page_open(page, "td");
	page_element(page, "code", NULL, "%s", space);
	page_close(page);
	cell(page, "%u", group->alive);
	cell(page, "%s", html_duration(group->longest, space));
	cell(page, "%s",
	     html_bytes(group->counters.known, group->counters.sent, space));
	cell(page, "%s",
	     html_bytes(group->counters.known, group->counters.received,
			space));
	if (group->counters.known)
		cell(page, "%u", group->counters.retransmits);
	else
		cell(page, "-");
	page_close(page);
	page_string(page, "\n");
}

static void write_groups(struct html *html, struct connection *list,
			 size_t count)
{
	static const char *const names[] = {
		"Connections", "Process",  "Service", "Still there", "Longest",
		"Sent",        "Received", "Resent",  NULL
	};
	unsigned int written = 0;
	size_t i = 0;

	qsort(list, count, sizeof(*list), compare_groups);
	page_element(&html->page, "p", "folded",
		     "%zu %s more, by process and service:", count,
		     count == 1 ? "connection" : "connections");
	write_head(&html->page, "groups", names);
	while (i < count && written++ < HTML_GROUPS) {
		struct group group = {
			.process = connection_process(list[i].one),
			.service = service_of(list[i].one),
			.role = list[i].one->role,
		};
		size_t first = i;

		while (i < count && compare_groups(&list[first], &list[i]) == 0)
			add_to(&group, &list[i++], html->session);
		write_group(&html->page, &group);
	}
	page_close(&html->page);
	page_close(&html->page);
	if (i < count)
		page_element(&html->page, "p", "folded",
			     "and %zu %s of further services", count - i,
			     count - i == 1 ? "connection" : "connections");
}

void html_connections(struct html *html)
{
	static const char *const names[] = {
		"Ends",     "State",  "Opened",       "Lasted",   "Sent",
		"Received", "Resent", "Closed first", "Findings", NULL
	};
	size_t count = html->connection_count;
	size_t shown = html_shown(html, HTML_ROWS);
	struct page *page = &html->page;

	if (count == 0)
		return;
	page_open(page, "section");
	page_element(page, "h2", NULL, "Connections");
	page_element(
		page, "p", "caption",
		"Bytes and resent segments are the kernel's own count, "
		"read at the close or at the end of the process, and "
		"seen from the end that stands first, or told by the other "
		"where only that could be asked; a dash: neither could. A "
		"connection lasts until its last close.");
	connections_sort_by_time(html->connections, shown);
	write_head(page, "connections", names);
	for (size_t i = 0; i < shown; i++)
		write_row(html, &html->connections[i]);
	page_close(page);
	page_close(page);
	if (count > shown)
		write_groups(html, html->connections + shown, count - shown);
	html_counted(html);
	page_close(page);
	page_string(page, "\n");
}
