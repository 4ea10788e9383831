/*
 * How often something was found: `run` and its reports say what the library
 * says alone, and a suppression silences what it names, by the stack that is
 * shown, and is counted.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/log.h"
#include "support/run.h"
#include "support/suppressions.h"

enum { PATH_SIZE = 128, COUNT = 20 };

static char folder[] = "/tmp/tcpshadow-counts-XXXXXX";
static const char *const files[] = { "t.ndjson", "t.xml",  "t.sarif",
				     "t.html",   "t.prom", "t.again.xml" };
static struct run run;

static const char *in_folder(const char *name)
{
	static char paths[8][PATH_SIZE];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_SIZE, "%s/%s", folder, name);
	return path;
}

static const char *option(const char *name, const char *file)
{
	static char options[8][2 * PATH_SIZE];
	static unsigned int next;
	char *text = options[next++ % 8];

	snprintf(text, 2 * PATH_SIZE, "--%s=%s", name, in_folder(file));
	return text;
}

static void begin(void)
{
	cr_assert(mkdtemp(folder));
}

static void end(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(in_folder(files[i]));
	rmdir(folder);
}

TestSuite(counts, .init = begin, .fini = end);

/* What tests/programs/left.c leaves, and who is to blame for it. */
static const struct kind {
	const char *what;
	const char *rule;
	const char *blamed;
	int findings;
	int times;
} kinds[] = {
	{ "leaks", "close-wait-leak", "known_accept", 1, COUNT },
	{ "open", "left-open", "known_socket", 1, COUNT },
	{ "duplicates", "shared-close", "known_close", 1, COUNT },
	{ "listeners", "inherited-listener", "known_socket", 1, COUNT },
	{ "family", "double-close", "known_close", 1, COUNT + 1 },
	/* The first; of 19 more the 1st, 2nd, 4th ... is asked about; the end. */
	{ "passed", "shared-close", "known_close", 2, 1 + 5 + COUNT },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const char *left_open(const struct kind *kind)
{
	return strcmp(kind->rule, "left-open") == 0 ? "TCPSHADOW_LEFT_OPEN=on"
						    : "TCPSHADOW_LEFT_OPEN=off";
}

static const char *count(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", COUNT);
	return text;
}

/* The findings of the rule in a log, and those of its lines "again". */
static int times_in_log(const char *log, const char *rule)
{
	int sum = log_findings(log, rule);
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "[%s]\n", rule);
	for (const char *at = strstr(log, " again: "); at;
	     at = strstr(at + 1, " again: ")) {
		const char *bracket = strchr(at, '[');

		if (bracket && strncmp(bracket, wanted, strlen(wanted)) == 0)
			sum += atoi(at + strlen(" again: "));
	}
	return sum;
}

static bool is(const json_t *line, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text && strcmp(text, wanted) == 0;
}

/* The same of the trace; suppressed: of the findings that are. */
static int times_in_trace(const char *rule, bool suppressed)
{
	FILE *stream = fopen(in_folder("t.ndjson"), "r");
	char *text = NULL;
	size_t size = 0;
	int sum = 0;

	cr_assert(stream);
	while (getline(&text, &size, stream) > 0) {
		json_t *line = json_loads(text, 0, NULL);

		cr_assert(line, "%s", text);
		if (is(line, "rule", rule) && is(line, "event", "finding"))
			sum += json_is_true(json_object_get(
				       line, "suppressed")) == suppressed;
		else if (is(line, "rule", rule))
			sum += (int)json_integer_value(
				json_object_get(line, "count"));
		json_decref(line);
	}
	free(text);
	fclose(stream);
	return sum;
}

static void expect(const char *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void expect(const char *text, const char *format, ...)
{
	char wanted[256];
	va_list list;

	va_start(list, format);
	vsnprintf(wanted, sizeof(wanted), format, list);
	va_end(list);
	cr_expect(strstr(text, wanted), "no `%s` in:\n%s", wanted, text);
}

static void expect_in(const char *file, const char *wanted)
{
	struct run shown;

	cr_assert_eq(run_all(&shown, false, NULL, ARGV("cat", in_folder(file))),
		     0);
	expect(run_output(&shown), "%s", wanted);
	run_end(&shown);
}

/* --- counted -----------------------------------------------------------------
 */

static void check_alone(const struct kind *kind, const char *stacks)
{
	cr_assert_eq(run_all(&run, true, ARGV(left_open(kind), stacks),
			     ARGV(run_program("left"), kind->what, count())),
		     0, "%s", run_errors(&run));
	cr_expect_eq(log_findings(run_log(&run), kind->rule), kind->findings,
		     "%s", run.text);
	cr_expect_eq(times_in_log(run.text, kind->rule), kind->times, "%s",
		     run.text);
	run_end(&run);
}

static void check_run(const struct kind *kind, const char *stacks)
{
	cr_assert_eq(run_all(&run, false, ARGV(left_open(kind), stacks),
			     ARGV(run_command(), "run",
				  option("trace", "t.ndjson"),
				  run_program("left"), kind->what, count())),
		     0, "%s", run_errors(&run));
	expect(run_errors(&run), "%d times  %s\n", kind->times, kind->rule);
	cr_expect_null(strstr(run.text, "no sense"), "%s", run.text);
	cr_expect_eq(times_in_trace(kind->rule, false), kind->times, "%s",
		     kind->what);
	run_end(&run);
	cr_assert_eq(
		run_all(&run, false, NULL,
			ARGV(run_command(), "report", in_folder("t.ndjson"))),
		0);
	expect(run_errors(&run), "%d times  %s\n", kind->times, kind->rule);
	run_end(&run);
}

Test(counts, of_run_are_those_of_the_library_alone)
{
	for (int i = 0; i < KINDS; i++) {
		check_alone(&kinds[i], "TCPSHADOW_STACKS=findings");
		check_run(&kinds[i], "TCPSHADOW_STACKS=findings");
	}
}

Test(counts, are_the_same_with_all_stacks)
{
	for (int i = 0; i < KINDS; i++) {
		check_alone(&kinds[i], "TCPSHADOW_STACKS=all");
		check_run(&kinds[i], "TCPSHADOW_STACKS=all");
	}
}

Test(counts, are_in_every_report)
{
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", "-q",
				  option("junit", "t.xml"),
				  option("sarif", "t.sarif"),
				  option("html", "t.html"),
				  option("prometheus", "t.prom"),
				  run_program("left"), "leaks", "20")),
		     0, "%s", run_errors(&run));
	run_end(&run);
	expect_in("t.xml", "again: 19 more times\n");
	expect_in("t.sarif", "\"occurrenceCount\": 20");
	expect_in("t.html", " 20 times<");
	expect_in("t.prom", "{rule=\"close-wait-leak\",severity=\"warning\"} "
			    "20\n");
}

/* 128 places, three times each: those beyond the hundredth are one number. */
Test(counts, beyond_the_findings_that_are_told_are_in_every_report)
{
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", "--fail-on=note",
				  option("trace", "t.ndjson"),
				  option("junit", "t.xml"),
				  option("sarif", "t.sarif"),
				  option("html", "t.html"),
				  option("prometheus", "t.prom"),
				  run_program("places"), "3", "7")),
		     0);
	expect(run_errors(&run), "384 times  connect-refused\n");
	run_end(&run);
	expect_in("t.ndjson", "\"rule\":\"connect-refused\",\"count\":84}\n");
	expect_in("t.xml",
		  "again: 84 more times at other places [connect-refused]\n");
	expect_in("t.sarif", "connect-refused was found 84 more times");
	expect_in("t.html", "connect-refused was found 84 more times");
	expect_in("t.prom",
		  "{rule=\"connect-refused\",severity=\"note\"} 384\n");
	cr_assert_eq(
		run_all(&run, false, NULL,
			ARGV(run_command(), "report", in_folder("t.ndjson"))),
		0);
	expect(run_errors(&run), "384 times  connect-refused\n");
	run_end(&run);
}

/* Told while the program ran, and not once more at its end. */
Test(counts, a_connection_in_close_wait_once)
{
	static const char *const soon[] = { "TCPSHADOW_CLOSE_WAIT=0", NULL };

	cr_assert_eq(run_all(&run, true, soon,
			     ARGV(run_program("left"), "leaks", "5")),
		     0);
	expect(run_log(&run), "the program has not for too long");
	cr_expect_eq(times_in_log(run.text, "close-wait-leak"), 5, "%s",
		     run.text);
	run_end(&run);
}

Test(counts, without_stacks_are_of_the_rule)
{
	static const char *const none[] = { "TCPSHADOW_STACKS=off", NULL };

	cr_assert_eq(run_all(&run, true, none,
			     ARGV(run_program("left"), "leaks", "5")),
		     0);
	cr_expect_eq(log_findings(run_log(&run), "close-wait-leak"), 1, "%s",
		     run.text);
	expect(run.text, "    it has been in CLOSE_WAIT for ");
	expect(run.text, " again: 4 more times [close-wait-leak]\n");
	run_end(&run);
}

Test(counts, an_inherited_listener_has_the_line_that_made_it)
{
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", run_program("left"),
				  "listeners", "1")),
		     0);
	expect(log_finding(run_errors(&run), "inherited-listener"),
	       "    #0 known_socket (");
	expect(log_finding(run.text, "inherited-listener"), "left.c:");
	run_end(&run);
}

/* --- suppressed --------------------------------------------------------------
 */

static void suppress(struct suppressions *file, const char *rule,
		     const char *kind, const char *pattern)
{
	char text[256];

	snprintf(text, sizeof(text), "{\n  known\n  %s\n  %s:%s\n}\n", rule,
		 kind, pattern);
	cr_assert(suppressions_write(file, text, strlen(text)));
}

/* Left on the environment's way to both, and on run's to the command too. */
static void check_silent(const struct kind *kind, const char *pattern_kind,
			 const char *pattern, bool alone)
{
	struct suppressions file;
	char known[sizeof(file.path) + 16];

	suppress(&file, kind->rule, pattern_kind, pattern);
	snprintf(known, sizeof(known), "--suppressions=%s", file.path);
	if (alone) {
		cr_assert_eq(
			run_all(&run, true,
				ARGV(left_open(kind), file.variable),
				ARGV(run_program("left"), kind->what, count())),
			0);
		cr_expect_eq(times_in_log(run_log(&run), kind->rule), 0,
			     "%s %s:%s %s", kind->what, pattern_kind, pattern,
			     run.text);
		run_end(&run);
	}
	cr_assert_eq(run_all(&run, false, ARGV(left_open(kind)),
			     ARGV(run_command(), "run", known,
				  option("trace", "t.ndjson"),
				  run_program("left"), kind->what, count())),
		     0, "%s", run_errors(&run));
	cr_expect_eq(log_findings(run_errors(&run), kind->rule), 0,
		     "%s %s:%s %s", kind->what, pattern_kind, pattern,
		     run.text);
	expect(run.text, " (and %d suppressed)\n", kind->findings);
	cr_expect_null(strstr(run.text, "no sense"), "%s", run.text);
	cr_expect_eq(times_in_trace(kind->rule, true), kind->times, "%s",
		     kind->what);
	run_end(&run);
	suppressions_remove(&file);
}

Test(counts, what_a_suppression_silences_by_its_function)
{
	for (int i = 0; i < KINDS; i++) {
		if (kinds[i].findings == 1)
			check_silent(&kinds[i], "fun", kinds[i].blamed, true);
	}
}

Test(counts, what_a_suppression_silences_by_its_module)
{
	for (int i = 0; i < KINDS; i++)
		check_silent(&kinds[i], "obj", "left", true);
}

/* Only the command knows the sources. */
Test(counts, what_a_suppression_silences_by_its_source)
{
	for (int i = 0; i < KINDS; i++)
		check_silent(&kinds[i], "src", "left.c", false);
}

/* What run prints with --gen-suppressions, as a file of it. */
static void generate(struct suppressions *file, const char *more,
		     const struct kind *kind)
{
	const char *text;

	cr_assert_eq(run_all(&run, false, ARGV(left_open(kind)),
			     ARGV(run_command(), "run", "-q",
				  "--gen-suppressions=yes", more,
				  run_program("left"), kind->what, count())),
		     0);
	text = strstr(run_errors(&run), "\n{\n");
	cr_assert(text, "%s", run.text);
	cr_assert(suppressions_write(
		file, text, (size_t)(strstr(text, "\n}\n") + 3 - text)));
	run_end(&run);
}

Test(counts, what_printed_suppressions_silence)
{
	struct suppressions file;
	char known[sizeof(file.path) + 16];

	for (int i = 0; i < KINDS; i++) {
		if (kinds[i].findings > 1)
			continue;
		generate(&file, "--stacks=findings", &kinds[i]);
		snprintf(known, sizeof(known), "--suppressions=%s", file.path);
		cr_assert_eq(run_all(&run, false, ARGV(left_open(&kinds[i])),
				     ARGV(run_command(), "run", known,
					  run_program("left"), kinds[i].what,
					  count())),
			     0);
		cr_expect_eq(log_findings(run_errors(&run), kinds[i].rule), 0,
			     "%s", run.text);
		expect(run.text, " (and 1 suppressed)\n");
		run_end(&run);
		suppressions_remove(&file);
	}
}

/*
 * A child of a process that has told all that it tells finds more: that is no
 * test that has passed. What does not count is told all the same.
 */
Test(counts, of_a_process_that_tells_none_are_in_junit)
{
	char script[1024];

	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run",
				  option("trace", "t.ndjson"),
				  run_program("left"), "open", "1")),
		     0);
	run_end(&run);
	snprintf(script, sizeof(script),
		 "pid=$(sed -n 's/.*\"pid\":\\([0-9]*\\).*/\\1/p' %s | head "
		 "-1)\n"
		 "for rule in close-wait-leak connect-refused; do\n"
		 "sed -i '$i{\"event\":\"untold\",\"process\":1,\"pid\":'$pid',"
		 "\"rule\":\"'$rule'\",\"count\":3}' %s\ndone",
		 in_folder("t.ndjson"), in_folder("t.ndjson"));
	cr_assert_eq(run_all(&run, false, NULL, ARGV("sh", "-c", script)), 0);
	run_end(&run);
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "report",
				  option("junit", "t.xml"),
				  in_folder("t.ndjson"))),
		     0, "%s", run_errors(&run));
	run_end(&run);
	expect_in("t.xml", "failures=\"1\" errors=\"0\"");
	expect_in("t.xml", "message=\"3 findings at places that are not told\" "
			   "type=\"untold\"");
	expect_in("t.xml", "again: 3 more times at other places "
			   "[close-wait-leak]\n</failure>");
	expect_in("t.xml", "<system-out>again: 3 more times at other places "
			   "[connect-refused]\n");
}

/* What comes again belongs to the address that it comes again with. */
Test(counts, of_two_addresses_at_one_place_are_told_apart)
{
	struct run shown;
	char again[64];
	const char *first;
	const char *second;

	snprintf(again, sizeof(again), "    again: %d more times\n", COUNT - 1);
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", "--fail-on=note",
				  option("junit", "t.xml"),
				  option("trace", "t.ndjson"),
				  run_program("left"), "refused", count())),
		     0, "%s", run_errors(&run));
	run_end(&run);
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "report", "--fail-on=note",
				  option("junit", "t.again.xml"),
				  in_folder("t.ndjson"))),
		     0, "%s", run_errors(&run));
	run_end(&run);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(run_all(&shown, false, NULL,
				     ARGV("cat", in_folder(i ? "t.again.xml"
							     : "t.xml"))),
			     0);
		first = strstr(run_output(&shown), "note: the connection of ");
		cr_assert(first, "%s", shown.text);
		second = strstr(first + 1, "note: the connection of ");
		cr_assert(second, "%s", shown.text);
		expect(second, "%s", again);
		cr_expect_eq(strstr(first, again), strstr(second, again), "%s",
			     first);
		run_end(&shown);
	}
}

/* The new leak of another function is told, though the rule is the same. */
Test(counts, what_a_printed_suppression_leaves)
{
	struct suppressions file;
	char known[sizeof(file.path) + 16];

	generate(&file, "--stacks=findings", &kinds[0]);
	snprintf(known, sizeof(known), "--suppressions=%s", file.path);
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", known,
				  run_program("left"), "other", "3")),
		     0);
	cr_expect_eq(log_findings(run_errors(&run), "close-wait-leak"), 1, "%s",
		     run.text);
	expect(run.text, "    #0 other_accept (");
	expect(run.text, "1 warning, 0 notes (and 1 suppressed)\n");
	run_end(&run);
	suppressions_remove(&file);
}

Test(counts, a_suppression_of_a_whole_rule_says_so)
{
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", "-q", "--stacks=off",
				  "--gen-suppressions=yes", run_program("left"),
				  "leaks", "1")),
		     0);
	expect(run_errors(&run), "   close-wait-leak\n   # no call is known: "
				 "this silences the whole rule\n}\n");
	run_end(&run);
}
