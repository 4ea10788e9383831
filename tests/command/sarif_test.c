/*
 * --sarif: valid by the schema of OASIS and by the multitool, which is the
 * format's own judge (both of the npm package that .ci/packages names), and
 * says what the run was.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/run.h"

enum { ARGUMENTS_MAX = 32, PATH_SIZE = 512 };

#define MULTITOOL "npm/node_modules/@microsoft/sarif-multitool-linux/"

static char folder[] = "/tmp/tcpshadow-sarif-XXXXXX";
static char file[sizeof(folder) + 16];
static char verdict[sizeof(folder) + 16];
static json_t *report;

/* The project's own folder: paths in it are shown relative. */
static void begin(void)
{
	const char *source = getenv("TCPSHADOW_SOURCE");

	cr_assert_eq(chdir(source ? source : "."), 0);
	cr_assert(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/report.sarif", folder);
	snprintf(verdict, sizeof(verdict), "%s/verdict.sarif", folder);
}

static void end(void)
{
	json_decref(report);
	unlink(file);
	unlink(verdict);
	rmdir(folder);
}

TestSuite(sarif, .init = begin, .fini = end);

/* tcpshadow run OPTION program...: the report's one run. */
static json_t *run_sarif(const char *option, const char *const *program)
{
	const char *argv[ARGUMENTS_MAX] = { run_command(), "run", "-q" };
	char sarif[PATH_SIZE];
	json_error_t error;
	int count = 3;
	struct run run;

	snprintf(sarif, sizeof(sarif), "--sarif=%s", file);
	argv[count++] = sarif;
	argv[count++] = option;
	argv[count++] = "--";
	while (*program && count < ARGUMENTS_MAX - 1)
		argv[count++] = *program++;
	run_all(&run, false, NULL, argv);
	run_end(&run);
	json_decref(report);
	report = json_load_file(file, 0, &error);
	cr_assert(report, "%s", error.text);
	return json_array_get(json_object_get(report, "runs"), 0);
}

static const char *in_multitool(const char *name)
{
	static char paths[2][PATH_SIZE];
	static unsigned int next;
	char *path = paths[next++ % 2];
	const char *build = getenv("TCPSHADOW_BUILD");

	snprintf(path, PATH_SIZE, "%s/" MULTITOOL "%s", build ? build : "build",
		 name);
	return path;
}

static void check_schema(void)
{
	struct run run;
	int status = run_all(
		&run, false, NULL,
		ARGV("/usr/bin/python3", "-c",
		     "import json, jsonschema, sys\n"
		     "jsonschema.validate(json.load(open(sys.argv[1])),\n"
		     "                    json.load(open(sys.argv[2])))",
		     file, in_multitool("sarif-2.1.0.json")));

	cr_expect_eq(status, 0, "%s", run_errors(&run));
	run_end(&run);
}

/* The rules of the format and of GitHub; none may be broken. */
static void check_multitool(void)
{
	struct run run;
	/* It would look whether the schema's address can be reached. */
	int status = run_all(
		&run, false,
		(const char *const[]){ "https_proxy=http://127.0.0.1:9", NULL },
		ARGV(in_multitool("Sarif.Multitool"), "validate", file,
		     "--rule-kind", "Sarif;Ghas", "--level", "Error",
		     "--output", verdict, "--log", "ForceOverwrite"));

	cr_expect_eq(status, 0, "%s", run_errors(&run));
	cr_expect(strstr(run_output(&run), "Analysis completed successfully"),
		  "%s", run_output(&run));
	cr_expect(!strstr(run_output(&run), ": error "), "%s",
		  run_output(&run));
	run_end(&run);
}

/* Takes seconds, most of them for the multitool: two reports are enough. */
static void check_report(void)
{
	if (access(in_multitool("Sarif.Multitool"), X_OK) != 0)
		cr_skip_test("the npm package of the multitool is not there");
	check_schema();
	check_multitool();
}

static json_t *at(json_t *value, const char *name, size_t index)
{
	return json_array_get(json_object_get(value, name), index);
}

static const char *text_of(json_t *value, const char *first, const char *second)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(value, first), second));

	return text ? text : "";
}

static const char *string_of(json_t *value, const char *name)
{
	const char *text = json_string_value(json_object_get(value, name));

	return text ? text : "";
}

static json_int_t number_of(json_t *value, const char *name)
{
	return json_integer_value(json_object_get(value, name));
}

static json_t *result_of(json_t *run, const char *rule)
{
	json_t *results = json_object_get(run, "results");
	json_t *result;
	size_t index;

	json_array_foreach(results, index, result)
	{
		if (strcmp(string_of(result, "ruleId"), rule) == 0)
			return result;
	}
	cr_assert_fail("no result of %s", rule);
	return NULL;
}

static const char *fingerprint(json_t *run, const char *rule)
{
	return text_of(result_of(run, rule), "partialFingerprints",
		       "tcpshadow/v1");
}

/* Examples with all kinds of details, one of them twice, in one report. */
Test(sarif, every_kind_of_finding_is_valid)
{
	static const char *const examples[] = {
		"address-in-use/bad",     "sigpipe-death/bad",
		"double-close/bad",       "close-wait-leak/bad",
		"close-wait-leak/bad",    "write-after-peer-close/bad",
		"inherited-listener/bad",
	};
	char script[4096] = "";

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		strcat(script, run_example(examples[i]));
		strcat(script, "; ");
	}
	run_sarif("--stacks=all", ARGV("sh", "-c", script));
	check_report();
}

Test(sarif, a_run_that_was_not_seen_is_valid_and_says_so)
{
	json_t *run = run_sarif("--stacks=all", ARGV(run_program("static")));
	json_t *told =
		at(at(run, "invocations", 0), "toolExecutionNotifications", 0);

	cr_expect_eq(json_array_size(json_object_get(run, "results")), 0);
	cr_expect_str_eq(text_of(told, "descriptor", "id"), "blind-spot");
	cr_expect(
		strstr(text_of(told, "message", "text"), "statically linked"));
	check_report();
}

/* 128 places, of which the first hundred are told. */
Test(sarif, what_is_not_told_is_a_valid_notification)
{
	json_t *run = run_sarif("--stacks=findings",
				ARGV(run_program("places"), "1", "7"));
	json_t *told =
		at(at(run, "invocations", 0), "toolExecutionNotifications", 0);

	cr_expect_str_eq(text_of(told, "descriptor", "id"), "untold-findings");
	cr_expect(strstr(text_of(told, "message", "text"), "28 more times"));
	check_report();
}

Test(sarif, a_finding_is_at_the_line_of_the_program_relative_to_the_root)
{
	json_t *run = run_sarif("--stacks=findings",
				ARGV(run_example("double-close/bad")));
	json_t *result = result_of(run, "double-close");
	json_t *place =
		json_object_get(at(result, "locations", 0), "physicalLocation");
	json_t *rule = json_array_get(
		json_object_get(json_object_get(json_object_get(run, "tool"),
						"driver"),
				"rules"),
		(size_t)number_of(result, "ruleIndex"));

	cr_expect_str_eq(text_of(place, "artifactLocation", "uri"),
			 "examples/double-close/bad.c");
	cr_expect_str_eq(text_of(place, "artifactLocation", "uriBaseId"),
			 "%SRCROOT%");
	cr_expect_gt(number_of(json_object_get(place, "region"), "startLine"),
		     0);
	cr_expect_str_eq(string_of(result, "level"), "error");
	cr_expect_str_eq(string_of(rule, "id"), "double-close");
	cr_expect(strstr(text_of(rule, "help", "markdown"), "## Wrong"));
	cr_expect(strstr(text_of(rule, "help", "text"), "When to ignore it"));
	cr_expect_str_eq(text_of(rule, "defaultConfiguration", "level"),
			 "error");
}

Test(sarif, stacks_of_the_details_are_related_locations)
{
	json_t *run = run_sarif("--stacks=findings",
				ARGV(run_example("double-close/bad")));
	json_t *result = result_of(run, "double-close");
	json_t *related = at(result, "relatedLocations", 0);
	json_t *frame = at(at(result, "stacks", 0), "frames", 0);

	cr_expect(strstr(text_of(related, "message", "text"), " ms before by"),
		  "%s", text_of(related, "message", "text"));
	cr_expect_gt(
		number_of(json_object_get(json_object_get(related,
							  "physicalLocation"),
					  "region"),
			  "startLine"),
		0);
	cr_expect_str_eq(string_of(frame, "module"), "bad");
}

Test(sarif, a_program_that_a_signal_has_killed_has_not_succeeded)
{
	json_t *run = run_sarif("--stacks=findings",
				ARGV(run_example("sigpipe-death/bad")));
	json_t *invocation = at(run, "invocations", 0);

	cr_expect_str_eq(string_of(invocation, "exitSignalName"), "SIGPIPE");
	cr_expect_eq(number_of(invocation, "exitSignalNumber"), SIGPIPE);
	cr_expect(!json_object_get(invocation, "exitCode"));
	cr_expect(json_is_false(
		json_object_get(invocation, "executionSuccessful")));
	run = run_sarif("--stacks=findings", ARGV("sh", "-c", "exit 3"));
	invocation = at(run, "invocations", 0);
	cr_expect_eq(number_of(invocation, "exitCode"), 3);
	cr_expect(json_is_false(
		json_object_get(invocation, "executionSuccessful")));
}

Test(sarif, a_finding_of_several_processes_is_one_result)
{
	char script[PATH_SIZE];
	json_t *run;

	snprintf(script, sizeof(script), "%s; %s; %s",
		 run_example("close-wait-leak/bad"),
		 run_example("close-wait-leak/bad"),
		 run_example("close-wait-leak/bad"));
	run = run_sarif("--stacks=findings", ARGV("sh", "-c", script));
	cr_expect_eq(json_array_size(json_object_get(run, "results")), 1);
	cr_expect_eq(number_of(result_of(run, "close-wait-leak"),
			       "occurrenceCount"),
		     3);
}

/* The same program elsewhere, another process, other ports. */
Test(sarif, fingerprints_are_the_same_in_every_run)
{
	char copy[sizeof(folder) + 16];
	char command[PATH_SIZE];
	char first[PATH_SIZE];
	const char *second;

	snprintf(copy, sizeof(copy), "%s/bad", folder);
	snprintf(command, sizeof(command), "cp %s %s",
		 run_example("close-wait-leak/bad"), copy);
	cr_assert_eq(system(command), 0);
	snprintf(
		first, sizeof(first), "%s",
		fingerprint(run_sarif("--stacks=findings",
				      ARGV(run_example("close-wait-leak/bad"))),
			    "close-wait-leak"));
	second = fingerprint(run_sarif("--stacks=findings", ARGV(copy)),
			     "close-wait-leak");
	unlink(copy);
	cr_expect_str_eq(first, second);
	cr_expect(strstr(first, "main@bad.c"), "%s", first);
	cr_expect(!strchr(first, ':'), "%s", first);
}

Test(sarif, what_is_suppressed_is_there_and_says_so)
{
	char path[sizeof(folder) + 16];
	char option[PATH_SIZE];
	json_t *result;
	FILE *stream;

	snprintf(path, sizeof(path), "%s/known", folder);
	stream = fopen(path, "w");
	/* bad.c: by the name of the source, which the library cannot know. */
	fputs("{\n  known\n  double-close\n  src:bad.c\n}\n", stream);
	fclose(stream);
	snprintf(option, sizeof(option), "--suppressions=%s", path);
	result = result_of(run_sarif(option,
				     ARGV(run_example("double-close/bad"))),
			   "double-close");
	unlink(path);
	cr_expect_str_eq(string_of(at(result, "suppressions", 0), "kind"),
			 "external");
}

/* In a URI, in a message, in a file name. */
Test(sarif, hostile_names_are_no_harm)
{
	static const char name[] = "[x](http:y) {0} \x01%\xc3\xbc";
	char copy[PATH_SIZE];
	char script[6 * PATH_SIZE];
	const char *uri;
	json_t *run;

	snprintf(copy, sizeof(copy), "%s/%s", folder, name);
	snprintf(script, sizeof(script),
		 "cp '%s' '%s' && strip '%s' && '%s'; rm -f '%s'",
		 run_example("address-in-use/bad"), copy, copy, copy, copy);
	run = run_sarif("--stacks=off", ARGV("sh", "-c", script));
	uri = text_of(json_object_get(at(result_of(run, "address-in-use"),
					 "locations", 0),
				      "physicalLocation"),
		      "artifactLocation", "uri");
	cr_expect(strstr(uri, "/%5Bx%5D%28http%3Ay%29%20%7B0%7D%20%01%25"
			      "%C3%BC"),
		  "%s", uri);
	uri = text_of(result_of(run, "address-in-use"), "message", "text");
	cr_expect(!strstr(uri, "]("), "%s", uri);
	cr_expect(strstr(uri, "[x] (http:y) {{0}}"), "%s", uri);
}
