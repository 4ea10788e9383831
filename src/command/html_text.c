/* Short texts of the HTML report. */
#include "command/html.h"

#include <stdio.h>

const char *html_ends(const struct tcp_socket *socket, char *space)
{
	struct subject subject = session_subject(socket);
	struct text text;

	text_begin(&text, space, HTML_TEXT);
	if (socket->listened)
		event_add_local(&text, &subject);
	else
		event_add_subject(&text, &subject);
	return space;
}

const char *html_duration(uint64_t ns, char *space)
{
	double value = (double)ns;

	if (ns < 1000000)
		snprintf(space, HTML_TEXT, "%.0f us", value / 1e3);
	else if (ns < 1000000000)
		snprintf(space, HTML_TEXT, "%.3g ms", value / 1e6);
	else if (ns < 100000000000)
		snprintf(space, HTML_TEXT, "%.3g s", value / 1e9);
	else
		snprintf(space, HTML_TEXT, "%.0f s", value / 1e9);
	return space;
}

const char *html_moment(const struct html *html, uint64_t time, char *space)
{
	uint64_t started = html->session->started;
	uint64_t since = time > started ? time - started : 0;

	snprintf(space, HTML_TEXT, "%.6f s", (double)since / 1e9);
	return space;
}

const char *html_bytes(bool known, uint64_t bytes, char *space)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB" };
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (!known)
		return "-";
	if (bytes < 10000) {
		snprintf(space, HTML_TEXT, "%llu B", (unsigned long long)bytes);
		return space;
	}
	while (value >= 1000 && unit < 3) {
		value /= 1000;
		unit++;
	}
	snprintf(space, HTML_TEXT, "%.3g %s", value, units[unit]);
	return space;
}

void html_counted(struct html *html)
{
	unsigned int count = html->session->folded;

	if (count > 0)
		page_element(&html->page, "p", "folded",
			     "%u %s, the oldest, %s only counted.", count,
			     count == 1 ? "connection" : "connections",
			     count == 1 ? "was" : "were");
}

size_t html_shown(const struct html *html, size_t room)
{
	size_t count = html->connection_count;
	size_t shown = 0;

	if (count <= room)
		return count;
	while (shown < count && html->connections[shown].interest > 0)
		shown++;
	shown += HTML_PLAIN;
	return shown < room ? shown : room;
}
