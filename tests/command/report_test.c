/* A stored run says what the run said; a file that is no trace does no harm. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "command/read_trace.h"
#include "model/option.h"
#include "support/run.h"

#define RUN                                                              \
	"{\"event\":\"run\",\"format\":1,\"version\":\"1\",\"command\":" \
	"\"x\",\"time\":1000000}\n"
#define PROCESS                                                            \
	"{\"event\":\"process\",\"time\":1000000,\"process\":1,\"pid\":7," \
	"\"parent_pid\":6,\"parent\":0,\"forked\":false,\"program\":"      \
	"\"/bin/x\",\"arguments\":\"x\",\"network\":0}\n"
#define FINDING                                                             \
	"{\"event\":\"finding\",\"time\":1000000,\"process\":1,\"pid\":7,"  \
	"\"rule\":\"close-wait-leak\",\"severity\":\"warning\",\"message\"" \
	":\"it leaks\",\"socket\":0,\"cookie\":0,\"fd\":-1,\"role\":"       \
	"\"none\",\"local\":\"-\",\"peer\":\"-\",\"stack\":0,\"details\":"  \
	"[\"a detail\"],\"help\":\"\",\"suppressed\":false,\"last\":"       \
	"false}\n"
#define SUMMARY                                                             \
	"{\"event\":\"summary\",\"time\":2000000,\"status\":{\"exit\":0},"  \
	"\"processes\":1,\"sockets\":0,\"folded\":0,\"errors\":0,"          \
	"\"warnings\":1,\"notes\":0,\"suppressed\":0,\"lost\":0,\"holes\":" \
	"0}\n"

static struct run run;
static char folder[] = "/tmp/tcpshadow-report-XXXXXX";

/* A file of the test's folder; static, eight at a time. */
static const char *in_folder(const char *name)
{
	static char paths[8][128];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void begin(void)
{
	cr_assert(mkdtemp(folder));
}

static void end(void)
{
	char line[128];

	run_end(&run);
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	cr_assert_eq(system(line), 0);
}

TestSuite(report, .init = begin, .fini = end);

static const char *write_bytes(const char *bytes, size_t size)
{
	const char *path = in_folder("trace");
	FILE *stream = fopen(path, "w");

	cr_assert(stream);
	cr_assert_eq(fwrite(bytes, 1, size, stream), size);
	cr_assert_eq(fclose(stream), 0);
	return path;
}

static const char *write_trace(const char *text)
{
	return write_bytes(text, strlen(text));
}

static char *read_all(const char *path)
{
	FILE *stream = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!stream)
		return NULL;
	if (getdelim(&text, &size, '\0', stream) < 0)
		text = strdup("");
	fclose(stream);
	return text;
}

/* Every option that names an output of both commands, as --NAME=FOLDER/WHO. */
struct options {
	char texts[OPTION_COUNT][160];
	const char *argv[OPTION_COUNT + 8];
	int count;
};

static bool is_output(const struct option_row *row)
{
	return row->scope == SCOPE_RUN && strstr(row->values, "FILE") &&
	       strcmp(row->name, "trace") != 0;
}

static void name_outputs(struct options *options, const char *who)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		if (!is_output(row))
			continue;
		snprintf(options->texts[i], sizeof(options->texts[i]),
			 "--%s=%s/%s.%s", row->name, folder, who, row->name);
		options->argv[options->count++] = options->texts[i];
	}
	options->argv[options->count] = NULL;
}

/* What both have written, whatever outputs there are, is the same. */
static void compare_outputs(const char *program)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		char name[64];
		char *of_run;
		char *of_report;

		if (!is_output(row))
			continue;
		snprintf(name, sizeof(name), "run.%s", row->name);
		of_run = read_all(in_folder(name));
		snprintf(name, sizeof(name), "report.%s", row->name);
		of_report = read_all(in_folder(name));
		cr_assert(of_run && of_report, "%s: no %s", program, name);
		cr_expect_str_eq(of_run, of_report, "%s: %s", program, name);
		cr_expect(of_run[0], "%s: %s is empty", program, name);
		free(of_run);
		free(of_report);
	}
}

static void check_round_trip(const char *const *program)
{
	struct options run_options = { .argv = { run_command(), "run", "-v",
						 "--stacks=all", "--wait=all" },
				       .count = 5 };
	struct options report_options = {
		.argv = { run_command(), "report", "-v" }, .count = 3
	};
	char command[80];
	char trace[80];

	/* Not those of the program before. */
	snprintf(command, sizeof(command), "rm -f %s/*", folder);
	cr_assert_eq(system(command), 0);
	snprintf(trace, sizeof(trace), "--trace=%s", in_folder("trace"));
	run_options.argv[run_options.count++] = trace;
	name_outputs(&run_options, "run");
	for (const char *const *word = program; *word; word++)
		run_options.argv[run_options.count++] = *word;
	run_options.argv[run_options.count] = NULL;
	/* A bad value, for a message. */
	run_all(&run, false, ARGV("TCPSHADOW_SILENCE=long"), run_options.argv);
	run_end(&run);
	name_outputs(&report_options, "report");
	report_options.argv[report_options.count++] = in_folder("trace");
	report_options.argv[report_options.count] = NULL;
	cr_expect_eq(run_all(&run, false, NULL, report_options.argv), 0, "%s",
		     run_errors(&run));
	cr_expect_str_empty(run_errors(&run));
	run_end(&run);
	compare_outputs(program[0]);
}

Test(report, stored_run_says_what_the_run_said)
{
	static const char *const programs[] = {
		"write-after-peer-close/bad",
		"sigpipe-death/bad",
		"shared-close/bad",
		"inherited-listener/bad",
		"address-in-use/bad",
		"close-wait-leak/bad",
		"connect-refused/bad",
		"double-close/bad",
		"epipe-ignored/bad",
		"reset-on-close/bad",
		"api/in_c",
	};
	char *text;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		check_round_trip(ARGV(run_example(programs[i])));
	/* The last one, api/in_c. */
	text = read_all(in_folder("report.log-file"));
	cr_expect(strstr(text, " \"server end\" 127.0.0.1:"), "%s", text);
	cr_expect(strstr(text, " UTC: a client that hangs up\n"), "%s", text);
	free(text);
	text = read_all(in_folder("report.html"));
	cr_expect(strstr(text, "server end"));
	free(text);
	check_round_trip(ARGV(run_program("tree"), "flood", "5"));
	text = read_all(in_folder("report.log-file"));
	cr_expect(strstr(text, "linger-reset"), "%s", text);
	cr_expect(strstr(text, "5 times"), "%s", text);
	cr_expect(strstr(text, "ESTABLISHED"), "%s", text);
	free(text);
}

/* A client of another program, which does not close its end. */
Test(report, stored_run_knows_who_held_the_other_end)
{
	static const char client[] =
		"import socket, sys\n"
		"socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n";
	static const char server[] =
		"import socket, sys\n"
		"l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()\n"
		"print('port', l.getsockname()[1], flush=True)\n"
		"s, _ = l.accept(); sys.stdin.read()\n";
	struct run other;
	char port[16];
	char *text;

	run_start(&other, false, NULL, ARGV("/usr/bin/python3", "-c", server));
	cr_assert(run_wait_output(&other, "\n"));
	snprintf(port, sizeof(port), "%d", atoi(run_output(&other) + 5));
	check_round_trip(ARGV("/usr/bin/python3", "-c", client, port));
	text = read_all(in_folder("report.log-file"));
	cr_expect(strstr(text, "; the other end: pid "), "%s", text);
	free(text);
	run_end(&other);
}

static int report(const char *text)
{
	return run_all(&run, false, NULL,
		       ARGV(run_command(), "report", write_trace(text)));
}

Test(report, file_that_is_no_trace_is_told_in_one_sentence)
{
	static const struct {
		const char *text;
		const char *told;
	} files[] = {
		{ "", ":1: this is no trace: it is empty" },
		{ "\n", ":1: this is no trace: not JSON" },
		{ "hello\n", ":1: this is no trace: not JSON" },
		{ "[]\n", ":1: this is no trace: not an object" },
		{ "{}\n", ":1: this is no trace: `event` is missing" },
		{ PROCESS, "the first event is not `run`" },
		{ "{\"event\":\"run\",\"format\":2,\"version\":\"9.9\"}\n",
		  "the trace has format 2, of another version of tcpshadow "
		  "(9.9)" },
		{ "{\"event\":\"run\",\"format\":1,\"command\":7,\"time\":1}",
		  "`command` is not a text" },
		{ "{\"event\":\"run\",\"format\":1,\"command\":\"x\","
		  "\"time\":-1}",
		  "`time` is out of range" },
		{ "{\"event\":\"\xff\"}\n", ":1: this is no trace: not JSON" },
		{ "\x7f\x45LF\x02\x01", ":1: this is no trace: not JSON" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *told;

		cr_expect_eq(report(files[i].text), 2, "%zu", i);
		told = run_errors(&run);
		cr_expect(strstr(told, files[i].told), "%s: %s", files[i].told,
			  told);
		cr_expect_eq(strchr(told, '\n'), told + strlen(told) - 1,
			     "one line: %s", told);
		run_end(&run);
	}
}

Test(report, path_that_cannot_be_read_is_told)
{
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "report", "/nonexistent/x")),
		     2);
	cr_expect(strstr(run_errors(&run), "/nonexistent/x: No such file"));
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "report", "/")),
		     2);
	cr_expect(strstr(run_errors(&run), "Is a directory"), "%s",
		  run_errors(&run));
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL, ARGV(run_command(), "report")),
		     2);
}

/* Each line is told by its number, and left out; the rest counts. */
Test(report, lines_that_make_no_sense_are_told_and_left_out)
{
	static const struct {
		const char *line;
		const char *told;
	} lines[] = {
		{ "nonsense\n", ":3: not JSON" },
		{ "7\n", ":3: not JSON" },
		{ "[]\n", ":3: not an object" },
		{ "{\"x\":1}\n", ":3: `event` is missing" },
		{ "{\"event\":[]}\n", ":3: `event` is not a text" },
		{ "{\"event\":\"end\",\"event\":\"end\"}\n",
		  ":3: not JSON: duplicate object key" },
		{ PROCESS, ":3: process 1 has begun before" },
		{ RUN, ":3: another run begins" },
		{ "{\"event\":\"message\",\"process\":2,\"text\":\"\"}\n",
		  ":3: process 2 has not begun" },
		{ "{\"event\":\"message\",\"process\":-1,\"text\":\"\"}\n",
		  ":3: `process` is out of range" },
		{ "{\"event\":\"message\",\"process\":1e3,\"text\":\"\"}\n",
		  ":3: `process` is not a whole number" },
		{ "{\"event\":\"message\",\"process\":"
		  "99999999999999999999999}\n",
		  ":3: not JSON: too big integer" },
		{ "{\"event\":\"message\",\"process\":1,\"text\":\"\\u0000\"}"
		  "\n",
		  ":3: not JSON" },
		{ "{\"event\":\"message\",\"process\":1,\"text\":\"\xc3\x28\"}"
		  "\n",
		  ":3: not JSON" },
		{ "{\"event\":\"stack\",\"process\":1,\"stack\":1,\"frames\":"
		  "{}}\n",
		  ":3: `frames` is no array" },
		{ "{\"event\":\"stack\",\"process\":1,\"stack\":1,\"frames\":"
		  "[null]}\n",
		  ":3: `offset` is missing" },
		{ "{\"event\":\"stack\",\"process\":1,\"stack\":4000000000,"
		  "\"frames\":[]}\n",
		  ":3: `stack` is out of range" },
		{ "{\"event\":\"left\",\"cookie\":5,\"inode\":0,\"expires\":"
		  "null,\"holder\":null}\n",
		  ":3: there is no such socket" },
		{ "{\"event\":\"repeat\",\"process\":1,\"rule\":"
		  "\"double-close\",\"stack\":0,\"count\":5}\n",
		  ":3: there is no such finding" },
		{ "{\"event\":\"untold\",\"process\":1,\"rule\":"
		  "\"double-close\",\"count\":-5}\n",
		  ":3: `count` is out of range" },
		{ "{\"event\":\"untold\",\"process\":0,\"rule\":"
		  "\"double-close\",\"count\":5}\n",
		  ":3: `process` is out of range" },
		{ "{\"event\":\"summary\",\"time\":1,\"lost\":0,\"holes\":0,"
		  "\"status\":{\"signal\":99,\"core\":false}}\n",
		  ":3: `signal` is out of range" },
		{ "{\"event\":\"end\",\"time\":1,\"process\":1,\"finished\":"
		  "true,\"status\":7}\n",
		  ":3: `status` is no object" },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char text[4096];

		snprintf(text, sizeof(text), "%s%s%s%s%s", RUN, PROCESS,
			 lines[i].line, FINDING, SUMMARY);
		cr_expect_eq(report(text), 0, "%s", lines[i].line);
		cr_expect(strstr(run_errors(&run), lines[i].told), "%s: %s",
			  lines[i].line, run_errors(&run));
		cr_expect(strstr(run_errors(&run), "it leaks"));
		cr_expect(strstr(run_errors(&run),
				 "1 lines of the trace could not be "
				 "understood"));
		cr_expect(strstr(run_errors(&run), "incomplete"));
		run_end(&run);
	}
}

Test(report, transition_that_the_diagram_does_not_have_is_left_out)
{
	report(RUN PROCESS
	       "{\"event\":\"transition\",\"time\":1,\"process\":1,\"socket\":"
	       "1,\"cookie\":1,\"fd\":3,\"role\":\"none\",\"local\":\"-\","
	       "\"peer\":\"-\",\"from\":\"LISTEN\",\"to\":\"TIME_WAIT\","
	       "\"cause\":\"CLOSE\",\"evidence\":\"call\",\"likely\":false,"
	       "\"call\":\"close\",\"result\":0,\"errno\":0,\"unread\":0,"
	       "\"stack\":0}\n" SUMMARY);
	cr_expect(strstr(run_errors(&run), ":3: there is no such transition"),
		  "%s", run_errors(&run));
}

Test(report, events_of_later_versions_are_counted)
{
	cr_expect_eq(report(RUN PROCESS "{\"event\":\"news\",\"x\":[1]}\n"
					"{\"event\":\"tidings\"}\n" SUMMARY),
		     0);
	cr_expect(strstr(run_errors(&run), "2 events of the trace are of kinds "
					   "that this version"),
		  "%s", run_errors(&run));
}

Test(report, deep_nesting_is_refused)
{
	enum { DEPTH = 100000 };
	char *text = malloc(2 * DEPTH + 1024);
	size_t length = (size_t)sprintf(text, "%s", RUN PROCESS);

	memset(text + length, '[', DEPTH);
	length += DEPTH;
	length += (size_t)sprintf(text + length, "\n%s", SUMMARY);
	run_all(&run, false, NULL,
		ARGV(run_command(), "report", write_bytes(text, length)));
	cr_expect_eq(run.status, 0);
	cr_expect(strstr(run_errors(&run), ":3: not JSON: maximum parsing "
					   "depth"),
		  "%s", run_errors(&run));
	free(text);
}

/* A line of 20 MiB, and many empty ones. */
Test(report, endless_lines_are_refused)
{
	enum { SIZE = 20 << 20, EMPTY = 1 << 20 };
	char *text = malloc(SIZE + EMPTY + 2048);
	size_t length = (size_t)sprintf(text, "%s", RUN PROCESS);

	memset(text + length, ' ', SIZE);
	length += SIZE;
	memset(text + length, '\n', EMPTY);
	length += EMPTY;
	length += (size_t)sprintf(text + length, "%s", SUMMARY);
	run_all(&run, false, NULL,
		ARGV(run_command(), "report", write_bytes(text, length)));
	cr_expect_eq(run.status, 0);
	cr_expect(strstr(run_errors(&run), ":3: the line is too long"));
	cr_expect(strstr(run_errors(&run), ":4: not JSON"));
	cr_expect(strstr(run_errors(&run), "more lines could not be "
					   "understood"));
	free(text);
}

Test(report, what_has_no_end_is_no_trace)
{
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "report", "/dev/zero")),
		     EXIT_BAD_INPUT);
	cr_expect_str_eq(run_errors(&run),
			 "tcpshadow: /dev/zero:1: this is no trace: the line "
			 "is too long\n");
}

Test(report, last_line_that_was_cut_is_told_and_the_rest_is_used)
{
	cr_expect_eq(report(RUN PROCESS FINDING "{\"event\":\"summ"), 0);
	cr_expect(strstr(run_errors(&run), ":4: the last line is cut off"),
		  "%s", run_errors(&run));
	cr_expect(strstr(run_errors(&run), "it leaks"));
	cr_expect(strstr(run_errors(&run),
			 "== how the program ended is not in the trace"));
	cr_expect(
		strstr(run_errors(&run), "the trace ends before the run does"));
}

/* Status 0 would pass for a success. */
Test(report, how_the_program_ended_is_not_made_up)
{
	static const struct {
		const char *name;
		const char *made_up;
	} outputs[] = {
		{ "report.html", "with status 0" },
		{ "report.junit", "exit-status" },
		{ "report.sarif", "exitCode" },
		{ "report.sarif", "\"executionSuccessful\": true" },
	};
	struct options options = { .argv = { run_command(), "report", "-q" },
				   .count = 3 };

	name_outputs(&options, "report");
	options.argv[options.count++] = write_trace(RUN PROCESS);
	options.argv[options.count] = NULL;
	cr_expect_eq(run_all(&run, false, NULL, options.argv), 0, "%s",
		     run_errors(&run));
	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		char *text = read_all(in_folder(outputs[i].name));

		cr_assert(text, "%s", outputs[i].name);
		cr_expect_null(strstr(text, outputs[i].made_up), "%s: %s",
			       outputs[i].name, outputs[i].made_up);
		free(text);
	}
}

/* Wherever a trace is cut: read in this process, which must live. */
Test(report, every_beginning_of_a_trace_is_survived)
{
	static const char text[] = RUN PROCESS FINDING SUMMARY;

	cr_assert(freopen("/dev/null", "w", stderr));
	for (size_t size = 1; size < sizeof(text); size++) {
		struct session *session = session_new();
		FILE *stream = fmemopen((void *)text, size, "r");
		struct trace *trace =
			read_trace_begin(session, stream, "trace");

		cr_expect_eq(trace != NULL, size >= sizeof(RUN) - 2);
		if (trace) {
			read_trace_rest(trace);
			cr_expect_eq(session->cut, size < sizeof(text) - 2);
			read_trace_end(trace);
		}
		fclose(stream);
		session_free(session);
	}
}

Test(report, findings_that_count_give_the_exit_status)
{
	static const struct {
		const char *fail_on;
		int status;
	} cases[] = {
		{ "--fail-on=warning", 42 },
		{ "--fail-on=error", 0 },
		{ "--fail-on=close-wait-leak", 42 },
		{ "--fail-on=sigpipe-death", 0 },
	};
	const char *path = write_trace(RUN PROCESS FINDING SUMMARY);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(run_all(&run, false, NULL,
				     ARGV(run_command(), "report",
					  "--error-exitcode=42",
					  cases[i].fail_on, path)),
			     cases[i].status, "%s", cases[i].fail_on);
		run_end(&run);
	}
}

Test(report, findings_are_suppressed_then_too)
{
	const char *path = write_trace(RUN PROCESS FINDING SUMMARY);
	char option[160];
	FILE *stream = fopen(in_folder("suppressions"), "w");

	fputs("{\n known\n close-wait-leak\n}\n", stream);
	fclose(stream);
	snprintf(option, sizeof(option), "--suppressions=%s",
		 in_folder("suppressions"));
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "report", option,
				  "--error-exitcode=42", path)),
		     0);
	cr_expect_not(strstr(run_errors(&run), "it leaks"));
	cr_expect(strstr(run_errors(&run), "suppressed"));
}

Test(report, trace_may_come_through_a_pipe)
{
	run_start(&run, false, NULL,
		  ARGV(run_command(), "report", "--quiet", "-"));
	run_write(&run, RUN PROCESS FINDING SUMMARY);
	run_close_input(&run);
	cr_expect_eq(run_wait(&run), 0);
	cr_expect(strstr(run_errors(&run), "it leaks"));
}

/* What a terminal would act on is shown, not done. */
Test(report, texts_of_a_trace_are_made_printable)
{
	cr_expect_eq(report(RUN PROCESS "{\"event\":\"message\",\"process\":1,"
					"\"text\":\"a\\u001b[31m\\n\xc3\xa9 "
					"\\\\x1b\"}\n" SUMMARY),
		     0);
	cr_expect(strstr(run_errors(&run),
			 "tcpshadow: 7 a\\x1b[31m\\x0a\\xc3\\xa9 \\x1b\n"),
		  "%s", run_errors(&run));
}
