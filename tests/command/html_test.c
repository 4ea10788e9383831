/* --html: a page without script that browsers and people can read. */
#include "command/render_html.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <sys/stat.h>
#include <time.h>

#include "command/html.h"
#include "made.h"

static xmlDocPtr document;

static void begin(void)
{
	made_begin();
	document = NULL;
}

static void finish(void)
{
	xmlFreeDoc(document);
	made_end();
}

TestSuite(html, .init = begin, .fini = finish);

static void parse(const char *name)
{
	document = xmlReadFile(made_path(name), NULL, XML_PARSE_NONET);
	cr_assert(document, "%s is not well-formed", name);
}

/* In expressions `h:` is HTML; what is in SVG has its namespace too. */
static xmlXPathObjectPtr evaluate(const char *expression)
{
	xmlXPathContextPtr context = xmlXPathNewContext(document);
	xmlXPathObjectPtr result;

	xmlXPathRegisterNs(context, (const xmlChar *)"h",
			   (const xmlChar *)"http://www.w3.org/1999/xhtml");
	result = xmlXPathEvalExpression((const xmlChar *)expression, context);
	cr_assert(result, "%s", expression);
	xmlXPathFreeContext(context);
	return result;
}

static int count(const char *expression)
{
	xmlXPathObjectPtr result = evaluate(expression);
	int number = result->nodesetval ? result->nodesetval->nodeNr : 0;

	xmlXPathFreeObject(result);
	return number;
}

/* The text of the first node, to be freed by nobody. */
static const char *text_of(const char *expression)
{
	static char text[16384];
	xmlXPathObjectPtr result = evaluate(expression);
	xmlChar *string = xmlXPathCastToString(result);

	snprintf(text, sizeof(text), "%s", (const char *)string);
	xmlFree(string);
	xmlXPathFreeObject(result);
	return text;
}

static void render(struct session *session)
{
	FILE *file = fopen(made_path("page.html"), "w");

	cr_assert(file);
	cr_expect(render_html(file, session, NULL));
	cr_expect_eq(fclose(file), 0);
	parse("page.html");
}

Test(html, a_real_run_tells_its_finding_with_stack_and_help)
{
	made_real("html", "page.html", run_example("sigpipe-death/bad"));
	parse("page.html");
	cr_expect(strstr(text_of("//h:h1"), "1 error"), "%s",
		  text_of("//h:h1"));
	cr_expect(strstr(text_of("//h:dl"), "killed by SIGPIPE"));
	cr_expect(strstr(text_of("//h:details[1]/h:summary"), "sigpipe-death"));
	cr_expect(strstr(text_of("//h:details[1]/h:pre"),
			 "main (examples/sigpipe-death/bad.c:") ||
			  strstr(text_of("//h:details[1]/h:pre"),
				 "sigpipe-death/bad.c:"),
		  "%s", text_of("//h:details[1]/h:pre"));
	cr_expect(strstr(text_of("//h:details[1]"), "help:"));
	/* The mark on the lane leads to the finding. */
	cr_expect_eq(count("//h:div[@class='lane pair']//h:a[@href='#f1']"), 1);
	cr_expect_eq(count("//h:details[@id='f1']"), 1);
}

Test(html, a_real_run_tells_bytes_and_who_closed_first)
{
	const char *row;

	made_real("html", "page.html", run_example("reset-on-close/good"));
	parse("page.html");
	row = text_of("//h:table[@class='connections']/h:tbody/h:tr"
		      "[contains(., '->')]");
	/* The first end is the one that was accepted: it received. */
	cr_expect(strstr(row, "0 B5 B0"), "%s", row);
	cr_expect_eq(count("//h:table[@class='connections']/h:tbody/h:tr"), 2);
	cr_expect(strstr(row, "(good)"), "%s", row);
	cr_expect_eq(count("//h:g[h:title[starts-with(., 'ESTABLISHED to "
			   "FIN_WAIT_1')]]/h:text[@class='times' and .='1']"),
		     1);
}

Test(html, a_report_of_a_trace_has_the_counters_too)
{
	char trace[256];
	char page[256];
	char again[256];
	char *live;
	char *stored;

	snprintf(trace, sizeof(trace), "--trace=%s", made_path("run.ndjson"));
	snprintf(page, sizeof(page), "--html=%s", made_path("live.html"));
	snprintf(again, sizeof(again), "--html=%s", made_path("stored.html"));
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run", trace, page,
				  run_example("reset-on-close/good"))),
		     0);
	run_end(&made_run);
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "report", again,
				  made_path("run.ndjson"))),
		     0, "%s", run_errors(&made_run));
	live = made_text("live.html");
	stored = made_text("stored.html");
	cr_expect(strstr(live, "<td>5 B</td>"));
	cr_expect(strstr(stored, "<td>5 B</td>"));
	free(live);
	free(stored);
}

Test(html, a_run_without_findings_says_so)
{
	made_real("html", "page.html", run_example("double-close/good"));
	parse("page.html");
	cr_expect_str_eq(text_of("//h:h1"), "Nothing was found");
	cr_expect_eq(count("//h:header[@class='verdict good']"), 1);
	cr_expect_eq(count("//h:details[contains(@class, 'finding')]"), 0);
}

Test(html, nothing_in_it_runs_or_is_fetched)
{
	made_real("html", "page.html", run_example("sigpipe-death/bad"));
	parse("page.html");
	cr_expect_eq(count("//h:script|//h:iframe|//h:object|//h:embed|"
			   "//h:link|//h:img|//h:image|//h:form"),
		     0);
	cr_expect_eq(count("//@*[starts-with(name(), 'on')]"), 0);
	cr_expect_eq(count("//@src|//@style"), 0);
	cr_expect_eq(count("//@href[not(starts-with(., '#'))]"), 0);
	cr_expect_null(strstr(html_style, "@import"));
	cr_expect_null(strstr(html_style, "url(h"));
}

Test(html, a_style_sheet_that_needs_no_escapes)
{
	struct session *session = made_session(1);

	cr_expect_null(strpbrk(html_style, "<&>"));
	render(session);
	cr_expect_str_eq(text_of("//h:style"), html_style);
	session_free(session);
}

/* A viewer may refuse the style sheet; what has no colour then is black. */
Test(html, the_pictures_have_their_colours_without_the_style_sheet)
{
	struct session *session = made_session(100);

	made_finding(session, RULE_DOUBLE_CLOSE, session->processes,
		     session->sockets);
	render(session);
	cr_expect_gt(count("//h:svg//h:rect"), 100);
	cr_expect_eq(count("//h:svg//h:rect[not(@fill)]"), 0);
	cr_expect_eq(count("//h:svg//h:path[not(@fill or ../@fill)]"), 0);
	cr_expect_eq(count("//h:svg//h:path[@fill='none' and not(@stroke)]"),
		     0);
	cr_expect_eq(count("//h:svg//h:text[starts-with(@class, 'ink') and "
			   "not(@fill)]"),
		     0);
	cr_expect_eq(count("//h:rect[@class='s FIN_WAIT_1' and "
			   "@fill='#0072b2']"),
		     count("//h:rect[@class='s FIN_WAIT_1']"));
	session_free(session);
}

Test(html, hostile_names_stay_text)
{
	static const char name[] = "<script>alert('1')<\\script>\"&amp;]]>.x";
	const char *path = made_path(name);
	char copy[512];
	char *text;

	snprintf(copy, sizeof(copy), "cp '%s' \"$1\"",
		 run_example("sigpipe-death/bad"));
	cr_assert_eq(run_all(&made_run, false, NULL,
			     ARGV("sh", "-c", copy, "sh", path)),
		     0);
	run_end(&made_run);
	made_real("html", "page.html", path);
	parse("page.html");
	cr_expect_eq(count("//h:script"), 0);
	/* A backslash is printed as what it might be taken for is. */
	cr_expect(strstr(text_of("//h:h3"), "<script>alert('1')<\\x5cscript>"
					    "\"&amp;]]>.x"),
		  "%s", text_of("//h:h3"));
	text = made_text("page.html");
	cr_expect_null(strstr(text, "<script"));
	free(text);
}

Test(html, hostile_findings_stay_text)
{
	struct session *session = made_session(1);

	made_finding(session, RULE_DOUBLE_CLOSE, session->processes,
		     session->sockets);
	render(session);
	cr_expect(strstr(text_of("//h:details[1]/h:summary"),
			 "what <was> \"found\" & seen"));
	cr_expect(strstr(text_of("//h:p[@class='help']"), "do & not <do>"));
	cr_expect(strstr(text_of("//h:a[@href='#f1']/h:title"),
			 "what <was> \"found\" & seen"));
	session_free(session);
}

/* What the page says of an edge is from the table, so it must have all. */
Test(html, the_diagram_has_every_edge)
{
	struct session *session = made_session(3);
	size_t edges;
	const struct edge *edge = machine_edges(&edges);

	render(session);
	for (size_t i = 0; i < edges; i++) {
		char expression[256];

		snprintf(expression, sizeof(expression),
			 "//h:svg[@class='diagram']//h:g[h:title["
			 "starts-with(., '%s to %s\n') and contains(., "
			 "'%s (section %s): %u %s')]]/h:path",
			 state_name(edge[i].from), state_name(edge[i].to),
			 machine_event_text(edge[i].event), edge[i].section,
			 session->edge_counts[i],
			 session->edge_counts[i] == 1 ? "time" : "times");
		cr_expect_eq(count(expression), 1, "%s", expression);
	}
	session_free(session);
}

Test(html, connections_that_stand_under_the_other_end_say_which)
{
	struct session *session = made_session(3);

	render(session);
	cr_expect_eq(count("//h:p[.='3 of its connections: see the other end, "
			   "pid 1001 (server)']"),
		     1);
	xmlFreeDoc(document);
	made_connection(session, made_process(session, 3, "/bin/server"),
			session->processes->next, 3);
	render(session);
	cr_expect_eq(count("//h:p[.='4 of its connections: see the other end, "
			   "pid 1003 (server) and others']"),
		     1);
	session_free(session);
}

static void give_up(struct session *session, uint64_t cookie,
		    enum tcp_event event)
{
	struct subject subject = { .fd = 3, .cookie = cookie };
	struct step step = { .time = MADE_START + 1000,
			     .edge = machine_edge(ST_CLOSED, ST_SYN_SENT,
						  EVENT_OPEN_ACTIVE),
			     .process = session->processes };

	session_step(session, &subject, &step);
	step.edge = machine_edge(ST_SYN_SENT, ST_CLOSED, event);
	session_step(session, &subject, &step);
}

Test(html, an_arrow_names_the_events_that_there_were)
{
	static const char arrow[] =
		"//h:g[h:title[starts-with(., 'SYN_SENT to CLOSED')]]"
		"/h:text[@class='event']";
	struct session *session = made_session(0);

	render(session);
	cr_expect_str_eq(text_of(arrow), "reset received");
	xmlFreeDoc(document);
	for (uint64_t i = 1; i <= 3; i++)
		give_up(session, i, EVENT_CLOSE);
	render(session);
	cr_expect_str_eq(text_of(arrow), "closed by theprogram");
	xmlFreeDoc(document);
	give_up(session, 4, EVENT_TIMEOUT);
	render(session);
	cr_expect_str_eq(text_of(arrow), "3 closed by theprogram1 timed out");
	cr_expect_eq(count("//h:*[contains(., '1 times')]"), 0);
	session_free(session);
}

Test(html, both_ends_share_a_picture_and_the_kernels_lead_is_shown)
{
	struct session *session = made_session(1);

	render(session);
	cr_expect_eq(count("//h:div[@class='lane pair']"), 1);
	cr_expect_eq(count("//h:div[@class='lane pair']//h:g[h:title["
			   "starts-with(., 'ESTABLISHED at')]]"),
		     2);
	cr_expect_eq(count("//h:g[h:title[starts-with(., 'expected "
			   "ESTABLISHED; the kernel went to CLOSE_WAIT')]]"),
		     1);
	cr_expect(strstr(text_of("//h:table[@class='connections']/h:tbody"),
			 "70 B1000 B0pid 1002 (client)"),
		  "%s", text_of("//h:table[@class='connections']/h:tbody"));
	session_free(session);
}

Test(html, ten_thousand_connections_make_a_page_of_bounded_size)
{
	struct session *session = made_session(10000);
	struct stat status;

	for (int i = 0; i < 1000; i++)
		made_finding(session, RULE_DOUBLE_CLOSE, session->processes,
			     session->sockets);
	render(session);
	cr_assert_eq(stat(made_path("page.html"), &status), 0);
	cr_expect_lt(status.st_size, 2000000);
	cr_expect_eq(count("//h:div[@class='lane pair']"), HTML_PLAIN + 1);
	cr_expect(strstr(text_of("//h:div[h:p[@class='folded']][@class="
				 "'lane']"),
			 "9975 connections more"));
	cr_expect_eq(count("//h:table[@class='connections']/h:tbody/h:tr"),
		     HTML_PLAIN + 1);
	cr_expect(strstr(text_of("//h:table[@class='groups']/h:tbody/h:tr"),
			 "9975pid 1001 (server)at 127.0.0.1:5188"),
		  "%s", text_of("//h:table[@class='groups']/h:tbody/h:tr"));
	cr_expect(strstr(text_of("//h:section[h:h2='Findings']/"
				 "h:p[@class='folded']"),
			 "800 findings more"));
	session_free(session);
}

/* So many processes that each have a connection with themselves. */
static struct session *made_processes(unsigned int number)
{
	struct session *session = made_session(0);

	for (unsigned int i = 0; i < number; i++) {
		struct process *process =
			made_process(session, 3 + i, "/bin/plain");

		made_connection(session, process, process, i);
	}
	session->ended = MADE_START + 2000000 + number * 100000ULL;
	return session;
}

static struct tcp_socket *last_socket(const struct session *session)
{
	struct tcp_socket *socket = session->sockets;

	while (socket->next)
		socket = socket->next;
	return socket;
}

Test(html, a_process_with_an_error_is_drawn_however_many_come_before_it)
{
	struct session *session = made_processes(200);
	struct tcp_socket *last = last_socket(session);

	for (struct tcp_socket *socket = session->sockets; socket;
	     socket = socket->next)
		made_finding(session, RULE_SIGPIPE_UNHANDLED, socket->owner,
			     socket);
	made_finding(session, RULE_SIGPIPE_DEATH, last->owner, last);
	render(session);
	cr_expect_eq(count("//h:div[@class='process']"), HTML_PROCESSES);
	/* Those in which the worst was found stand first. */
	cr_expect_eq(count("//h:div[@class='process'][h:h3='pid 1202 (plain)']"
			   "[not(preceding-sibling::h:div[@class='process'])]"
			   "//h:a[contains(h:title, '[sigpipe-death]')]"),
		     1);
	cr_expect_str_eq(text_of("//h:section[h:h2='Timeline']/"
				 "h:p[@class='folded'][last()]"),
			 "140 processes more are not drawn.");
	session_free(session);
}

Test(html, processes_that_are_not_drawn_are_those_without_findings)
{
	struct session *session = made_processes(HTML_PROCESSES + 1);
	struct tcp_socket *last = last_socket(session);

	made_finding(session, RULE_SIGPIPE_UNHANDLED, last->owner, last);
	render(session);
	cr_expect_eq(count("//h:h3[.='pid 1063 (plain)']"), 1);
	cr_expect_eq(count("//h:p[.='1 process more, in which nothing was "
			   "found, is not drawn.']"),
		     1);
	session_free(session);
}

Test(html, a_single_connection_is_drawn_rather_than_summed_up)
{
	struct session *session = made_processes(HTML_LANES + 1);

	render(session);
	cr_expect_eq(count("//h:div[@class='process']"), HTML_PROCESSES);
	cr_expect_eq(count("//h:div[@class='lane pair']"), HTML_PROCESSES);
	cr_expect_eq(count("//h:svg[@aria-label='folded connections']"), 0);
	session_free(session);
}

static bool has(const char *program)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	return system(command) == 0;
}

/* What a headless Chromium prints; its profile goes to the folder. */
static const char *browse(const char *page, const char *options)
{
	static const char flags[] =
		"--headless --no-sandbox --disable-gpu --disable-quic "
		"--no-first-run --disable-background-networking "
		"--disable-component-update --disable-sync --hide-scrollbars";
	char command[1024];

	snprintf(command, sizeof(command),
		 "exec chromium %s --user-data-dir=%s/profile %s file://%s",
		 flags, made_folder, options, made_path(page));
	run_end(&made_run);
	cr_expect_eq(run_all(&made_run, false, NULL, ARGV("sh", "-c", command)),
		     0, "%s", run_errors(&made_run));
	return run_output(&made_run);
}

static int occurrences(const char *text, const char *what)
{
	int number = 0;

	while ((text = strstr(text, what)) != NULL) {
		number++;
		text += strlen(what);
	}
	return number;
}

/* Elements nest in the browser as they do for an XML parser. */
Test(html, a_browser_reads_what_was_written, .timeout = 110)
{
	static const char *const elements[] = {
		"<section", "<details", "<summary", "<div",  "<p",   "<h2",
		"<h3",      "<td",      "<tr",      "<rect", "<use", "<text",
		"<path",    "<svg",     "<title",   "<a ",   "</p>", "</div>"
	};
	const char *seen;
	char *written;

	if (!has("chromium"))
		cr_skip_test("chromium is not installed: `make pictures`");
	made_real("html", "page.html", run_example("sigpipe-death/bad"));
	run_end(&made_run);
	written = made_text("page.html");
	seen = browse("page.html", "--dump-dom");
	for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++)
		cr_expect_eq(occurrences(seen, elements[i]),
			     occurrences(written, elements[i]), "%s",
			     elements[i]);
	cr_expect_gt(occurrences(seen, "<rect"), 10);
	free(written);
}

/* No window of a headless browser is as narrow as a phone: a frame is. */
static void frame_page(void)
{
	FILE *file = fopen(made_path("phone.html"), "w");

	cr_assert(file);
	fputs("<body style='margin:0'><iframe src='page.html' width='390' "
	      "height='3000' style='border:0'></iframe>",
	      file);
	fclose(file);
}

/* The pictures are left in build/pictures, to be looked at. */
Test(html, a_browser_draws_it_light_dark_small_and_on_paper, .timeout = 110)
{
	static const struct {
		const char *name;
		const char *page;
		const char *options;
	} views[] = {
		{ "light.png", "page.html",
		  "--window-size=1100,3000 --screenshot=" },
		{ "dark.png", "page.html",
		  "--blink-settings=preferredColorScheme=0 "
		  "--window-size=1100,3000 --screenshot=" },
		{ "phone.png", "phone.html",
		  "--window-size=500,3000 --screenshot=" },
		{ "paper.pdf", "page.html",
		  "--no-pdf-header-footer --print-to-pdf=" },
	};
	const char *build = getenv("TCPSHADOW_BUILD");
	char options[1024];
	char path[512];
	struct stat status;

	if (!has("chromium"))
		cr_skip_test("chromium is not installed: `make pictures`");
	made_real("html", "page.html", run_example("sigpipe-death/bad"));
	frame_page();
	snprintf(path, sizeof(path), "%s/pictures", build ? build : "build");
	mkdir(path, 0777);
	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++) {
		snprintf(path, sizeof(path), "%s/pictures/%s",
			 build ? build : "build", views[i].name);
		unlink(path);
		snprintf(options, sizeof(options), "%s%s", views[i].options,
			 path);
		browse(views[i].page, options);
		cr_assert_eq(stat(path, &status), 0, "%s", path);
		cr_expect_gt(status.st_size, 20000, "%s", path);
	}
}
