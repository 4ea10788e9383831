#include "command/render_html.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "command/html.h"
#include "command/say.h"
#include "command/signal_name.h"

/* Errors first; of one severity, in the order in which they came. */
static void choose_findings(struct html *html)
{
	html->findings =
		need_memory(calloc(HTML_FINDINGS, sizeof(*html->findings)));
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--) {
		for (const struct found *found = html->session->found; found;
		     found = found->next) {
			if (found->suppressed ||
			    (int)rule_severity(found->rule) != severity)
				continue;
			if (html->finding_count < HTML_FINDINGS)
				html->findings[html->finding_count++] = found;
			else
				html->finding_hidden++;
		}
	}
}

static const char *verdict_class(const struct session *session,
				 const struct totals *totals)
{
	if (session->counts[SEVERITY_ERROR] > 0)
		return "verdict error";
	if (session->counts[SEVERITY_WARNING] > 0)
		return "verdict warning";
	if (session->counts[SEVERITY_NOTE] > 0 || totals->incomplete)
		return "verdict note";
	return "verdict good";
}

static void add_count(FILE *stream, unsigned int count, const char *name,
		      const char **separator)
{
	if (count == 0)
		return;
	fprintf(stream, "%s%u %s%s", *separator, count, name,
		count == 1 ? "" : "s");
	*separator = ", ";
}

static void write_verdict_line(struct html *html)
{
	const unsigned int *counts = html->session->counts;
	const char *separator = "";
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));

	for (int i = SEVERITY_ERROR; i >= SEVERITY_NOTE; i--)
		add_count(stream, counts[i], severity_name((enum severity)i),
			  &separator);
	fclose(stream);
	if (html->session->process_count == 0)
		page_element(&html->page, "h1", NULL,
			     "Nothing was seen of the program");
	else
		page_element(&html->page, "h1", NULL, "%s%s",
			     text[0] ? text : "Nothing was found",
			     html->totals.incomplete
				     ? ", and not all could be seen"
				     : "");
	free(text);
}

static void write_status(struct page *page, const struct session *session)
{
	int status = session->status;

	page_element(page, "dt", NULL, "ended");
	if (session->cut)
		page_element(page, "dd", NULL, "how is not in the trace");
	else if (WIFSIGNALED(status))
		page_element(page, "dd", NULL,
			     "killed by %s (a shell shows status %d)",
			     signal_name(WTERMSIG(status)).text,
			     128 + WTERMSIG(status));
	else
		page_element(page, "dd", NULL, "with status %d",
			     WEXITSTATUS(status));
}

static void write_facts(struct html *html)
{
	const struct session *session = html->session;
	const struct totals *totals = &html->totals;
	struct page *page = &html->page;
	time_t seconds = (time_t)(session->started / 1000000000);
	struct tm tm;
	char date[HTML_TEXT];

	page_open(page, "dl");
	page_element(page, "dt", NULL, "program");
	page_open(page, "dd");
	page_element(page, "code", NULL, "%.1000s",
		     session->command_line ? session->command_line : "");
	page_close(page);
	write_status(page, session);
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	page_element(page, "dt", NULL, "started");
	page_element(page, "dd", NULL, "%s, for %.1f s", date, totals->seconds);
	page_element(page, "dt", NULL, "seen");
	page_element(page, "dd", NULL, "%u %s, %u %s, %u %s", totals->processes,
		     totals->processes == 1 ? "process" : "processes",
		     totals->connections,
		     totals->connections == 1 ? "connection" : "connections",
		     totals->listeners,
		     totals->listeners == 1 ? "listener" : "listeners");
	if (session->suppressed > 0) {
		page_element(page, "dt", NULL, "suppressed");
		page_element(page, "dd", NULL, "%u %s", session->suppressed,
			     session->suppressed == 1 ? "finding" : "findings");
	}
	if (session->lost > 0 || session->holes > 0) {
		page_element(page, "dt", NULL, "lost");
		page_element(page, "dd", NULL,
			     "%llu events: the program was faster than "
			     "tcpshadow could read; %llu were never finished",
			     (unsigned long long)session->lost,
			     (unsigned long long)session->holes);
	}
	page_close(page);
}

static void write_rules(struct html *html)
{
	struct page *page = &html->page;

	page_open(page, "ul");
	page_attribute(page, "class", "rules");
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--) {
		for (int i = 0; i < RULE_COUNT; i++) {
			enum rule rule = (enum rule)i;

			if (html->totals.by_rule[i] == 0 ||
			    (int)rule_severity(rule) != severity)
				continue;
			page_open(page, "li");
			html_badge(html, rule_severity(rule));
			page_text(page, " %u %s ", html->totals.by_rule[i],
				  html->totals.by_rule[i] == 1 ? "time"
							       : "times");
			page_element(page, "code", NULL, "%s", rule_slug(rule));
			page_close(page);
		}
	}
	page_close(page);
}

static void write_meta(struct page *page, const char *key, const char *name,
		       const char *content)
{
	page_open(page, "meta");
	page_attribute(page, key, "%s", name);
	page_attribute(page, "content", "%s", content);
	page_close_empty(page);
}

static void write_head(struct html *html)
{
	struct page *page = &html->page;

	page_open(page, "head");
	page_open(page, "meta");
	page_attribute(page, "charset", "utf-8");
	page_close_empty(page);
	/* Should markup ever get in, no browser runs or fetches anything. */
	write_meta(page, "http-equiv", "Content-Security-Policy",
		   "default-src 'none'; style-src 'unsafe-inline'");
	write_meta(page, "name", "viewport",
		   "width=device-width, initial-scale=1");
	write_meta(page, "name", "generator", "tcpshadow " TCPSHADOW_VERSION);
	page_element(page, "title", NULL, "tcpshadow: %.200s",
		     html->session->command_line ? html->session->command_line
						 : "");
	page_open(page, "style");
	page_string(page, html_style);
	page_close(page);
	page_close(page);
	page_string(page, "\n");
}

static void write_body(struct html *html)
{
	struct page *page = &html->page;

	page_open(page, "body");
	html_definitions(html);
	page_open(page, "header");
	page_attribute(page, "class", "%s",
		       verdict_class(html->session, &html->totals));
	write_verdict_line(html);
	write_rules(html);
	write_facts(html);
	page_close(page);
	page_string(page, "\n");
	html_findings(html);
	html_timeline(html);
	html_diagram(html);
	html_connections(html);
	page_close(page);
}

bool render_html(FILE *stream, struct session *session,
		 const struct arguments *arguments)
{
	struct html html = { .session = session,
			     .totals = totals_of(session),
			     .directory = getcwd(NULL, 0) };

	(void)arguments;
	choose_findings(&html);
	html.connections = connections_make(session, &html.connection_count);
	page_begin(&html.page, stream);
	page_open(&html.page, "html");
	page_attribute(&html.page, "xmlns", "%s",
		       "http://www.w3.org/1999/xhtml");
	page_attribute(&html.page, "lang", "en");
	write_head(&html);
	write_body(&html);
	page_close(&html.page);
	free(html.connections);
	free(html.findings);
	free(html.directory);
	return page_end(&html.page);
}
