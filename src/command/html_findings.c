/* The findings: each with its stack, what else is known, and help. */
#include <stdlib.h>
#include <string.h>

#include "command/html.h"
#include "command/render_text.h"
#include "command/say.h"
#include "command/totals.h"

size_t html_finding_number(const struct html *html, const struct found *found)
{
	for (size_t i = 0; i < html->finding_count; i++) {
		if (html->findings[i] == found)
			return i + 1;
	}
	return 0;
}

void html_badge(struct html *html, enum severity severity)
{
	page_open(&html->page, "b");
	page_attribute(&html->page, "class", "badge %s",
		       severity_name(severity));
	page_string(&html->page, severity_name(severity));
	page_close(&html->page);
}

static void write_stack(struct html *html, const struct stack *stack,
			const char *indent)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));

	render_text_stack(stream, html->session->symbols, stack, indent,
			  html->directory);
	fclose(stream);
	page_string(&html->page, text);
	free(text);
}

static void write_details(struct html *html, const struct found *found)
{
	unsigned int shown = found->detail_count < HTML_DETAILS
				     ? found->detail_count
				     : HTML_DETAILS;

	for (unsigned int i = 0; i < shown; i++) {
		const struct detail *detail = &found->details[i];

		if (detail->text)
			page_text(&html->page, "%s\n", detail->text);
		else
			write_stack(html, detail->stack, detail->indent);
	}
	if (shown < found->detail_count)
		page_text(&html->page, "and %u lines more\n",
			  found->detail_count - shown);
}

static void write_subject(struct html *html, const struct found *found)
{
	char space[HTML_TEXT];
	struct text text;

	page_open(&html->page, "p");
	page_attribute(&html->page, "class", "where");
	if (found->process)
		page_text(&html->page, "pid %d (%s), ", found->process->pid,
			  process_last_image(found->process)->command);
	if (found->subject.fd >= 0) {
		text_begin(&text, space, sizeof(space));
		event_add_subject(&text, &found->subject);
		page_element(&html->page, "span", "subject", "%s", space);
		page_string(&html->page, ", ");
	}
	page_text(&html->page, "%s after the start",
		  html_moment(html, found->time, space));
	if (found->repeated > 0)
		page_text(&html->page, ", and %u %s again", found->repeated,
			  found->repeated == 1 ? "time" : "times");
	page_close(&html->page);
}

static void write_finding(struct html *html, const struct found *found,
			  size_t number)
{
	struct page *page = &html->page;
	const char *severity = severity_name(rule_severity(found->rule));

	page_open(page, "details");
	page_attribute(page, "id", "f%zu", number);
	page_attribute(page, "class", "finding %s", severity);
	if (number <= 5)
		page_attribute(page, "open", "%s", "");
	page_open(page, "summary");
	html_badge(html, rule_severity(found->rule));
	page_text(page, " %s ", found->message);
	page_element(page, "code", "rule", "%s", rule_slug(found->rule));
	if (found->repeated > 0)
		page_element(page, "span", "again", " %u times",
			     found->repeated + 1);
	page_close(page);
	write_subject(html, found);
	if (found->stack || found->detail_count > 0) {
		page_open(page, "pre");
		write_stack(html, found->stack, "");
		write_details(html, found);
		page_close(page);
	}
	if (found->help && found->help[0]) {
		page_open(page, "p");
		page_attribute(page, "class", "help");
		page_element(page, "b", NULL, "help:");
		page_text(page, " %s", found->help);
		page_close(page);
	}
	page_close(page);
	page_string(page, "\n");
}

/* What was found beyond the findings that a process tells. */
static void write_untold(struct html *html)
{
	struct totals totals = totals_of(html->session);

	for (int i = 0; i < RULE_COUNT; i++) {
		if (totals.untold[i] > 0)
			page_element(&html->page, "p", "folded",
				     "%s was found %u more %s, at other "
				     "places, which are not told.",
				     rule_slug((enum rule)i), totals.untold[i],
				     totals.untold[i] == 1 ? "time" : "times");
	}
}

void html_findings(struct html *html)
{
	if (html->finding_count == 0)
		return;
	page_open(&html->page, "section");
	page_element(&html->page, "h2", NULL, "Findings");
	for (size_t i = 0; i < html->finding_count; i++)
		write_finding(html, html->findings[i], i + 1);
	if (html->finding_hidden > 0)
		page_element(&html->page, "p", "folded",
			     "%zu %s not shown here, but counted above.",
			     html->finding_hidden,
			     html->finding_hidden == 1 ? "finding more is"
						       : "findings more are");
	write_untold(html);
	page_close(&html->page);
}
