/* The trace: of the promised shape, whole when it can be, readable when not. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/net.h"
#include "support/run.h"
#include "support/wait.h"

static struct run run;
static char folder[] = "/tmp/tcpshadow-trace-XXXXXX";
static char path[64];   /* of the trace */
static char option[80]; /* that names it */

static void begin(void)
{
	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/trace.ndjson", folder);
	snprintf(option, sizeof(option), "--trace=%s", path);
}

static void end(void)
{
	run_end(&run);
	unlink(path);
	rmdir(folder);
}

TestSuite(trace, .init = begin, .fini = end);

static void validate(const char *file)
{
	const char *source = getenv("TCPSHADOW_SOURCE");
	struct run validator;
	char script[512];
	char schema[512];

	snprintf(script, sizeof(script), "%s/tests/support/validate.py",
		 source ? source : ".");
	snprintf(schema, sizeof(schema), "%s/docs/trace.schema.json",
		 source ? source : ".");
	cr_expect_eq(run_all(&validator, false, NULL,
			     ARGV("/usr/bin/python3", script, schema, file)),
		     0, "%s%s", run_output(&validator), run_errors(&validator));
	run_end(&validator);
}

/* Calls `each` for every line of the trace, which must all be JSON. */
static void read_lines(void (*each)(json_t *line, void *argument),
		       void *argument)
{
	FILE *stream = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	cr_assert(stream);
	while ((length = getline(&line, &size, stream)) > 0) {
		json_t *object = json_loadb(line, (size_t)length, 0, NULL);

		cr_assert(object, "%s", line);
		cr_assert_eq(line[length - 1], '\n');
		each(object, argument);
		json_decref(object);
	}
	free(line);
	fclose(stream);
}

static bool is(json_t *line, const char *key, const char *value)
{
	const char *found = json_string_value(json_object_get(line, key));

	return found && strcmp(found, value) == 0;
}

static json_int_t number(json_t *line, const char *key)
{
	return json_integer_value(json_object_get(line, key));
}

struct counts {
	unsigned int lines;
	unsigned int connected;
	unsigned int accepted;
	unsigned int closed;
	unsigned int summaries;
	json_int_t lost;
	json_int_t holes;
	json_int_t exit;
	json_int_t signal;
	json_int_t end_signal; /* of the first process */
};

static void count(json_t *line, void *argument)
{
	struct counts *counts = argument;
	json_t *status = json_object_get(line, "status");

	counts->lines++;
	counts->connected += is(line, "to", "SYN_SENT");
	counts->accepted += is(line, "to", "SYN_RCVD");
	counts->closed += is(line, "to", "FIN_WAIT_1") ||
			  is(line, "to", "LAST_ACK");
	if (is(line, "event", "end") && number(line, "process") == 1)
		counts->end_signal = number(status, "signal");
	if (!is(line, "event", "summary"))
		return;
	counts->summaries++;
	counts->lost = number(line, "lost");
	counts->holes = number(line, "holes");
	counts->exit = number(status, "exit");
	counts->signal = number(status, "signal");
}

static struct counts count_events(void)
{
	struct counts counts = { .lines = 0 };

	read_lines(count, &counts);
	return counts;
}

/* The events of docs/trace.schema.json. */
static const char *const kinds[] = {
	"run",      "process",  "end",       "stack",   "transition",
	"released", "counters", "finding",   "repeat",  "untold",
	"message",  "left",     "inherited", "summary",
};

enum { KIND_TOTAL = sizeof(kinds) / sizeof(kinds[0]) };

static void note_kind(json_t *line, void *argument)
{
	bool *seen = argument;

	for (int i = 0; i < KIND_TOTAL; i++)
		seen[i] |= is(line, "event", kinds[i]);
}

/* Findings, forks, execs, deaths, what is left, a bad option. */
Test(trace, every_line_is_as_the_schema_says)
{
	static const char *const programs[] = {
		"write-after-peer-close/bad",
		"sigpipe-death/bad",
		"shared-close/bad",
		"inherited-listener/bad",
		"address-in-use/bad",
		"close-wait-leak/bad",
		"reset-on-close/bad",
		"api/in_c",
		NULL,
	};
	bool seen[KIND_TOTAL] = { false };

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const char *program = programs[i] ? run_example(programs[i])
						  : run_program("tree");

		run_all(&run, false, ARGV("TCPSHADOW_SILENCE=long"),
			ARGV(run_command(), "run", "--stacks=all", "--wait=all",
			     option, "--", program, "flood", "5"));
		cr_expect_eq(count_events().summaries, 1, "%s", program);
		read_lines(note_kind, seen);
		validate(path);
		run_end(&run);
	}
	run_all(&run, false, NULL,
		ARGV(run_command(), "run", option, "--", run_program("places"),
		     "1", "7"));
	read_lines(note_kind, seen);
	validate(path);
	for (int i = 0; i < KIND_TOTAL; i++)
		cr_expect(seen[i], "no %s", kinds[i]);
}

Test(trace, names_of_programs_are_printable)
{
	run_all(&run, false, NULL,
		ARGV(run_command(), "run", option, "--", run_program("many"),
		     "1", "\x1b[31m\n\xff\\"));
	cr_expect_eq(run.status, 0, "%s", run_errors(&run));
	validate(path);
}

Test(trace, death_by_a_signal_is_told)
{
	struct counts counts;

	run_all(&run, false, NULL,
		ARGV(run_command(), "run", option, "--",
		     run_example("sigpipe-death/bad")));
	cr_expect_eq(run.status, 128 + SIGPIPE);
	counts = count_events();
	cr_expect_eq(counts.signal, SIGPIPE);
	cr_expect_eq(counts.end_signal, SIGPIPE);
}

Test(trace, of_many_connections_none_is_lost)
{
	enum { CONNECTIONS = 20000 };
	struct counts counts;

	if (!net_isolate())
		cr_skip_test("a network of its own needs root");
	cr_assert_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", option, "--",
				  run_program("many"), "20000")),
		     0, "%s", run_errors(&run));
	counts = count_events();
	cr_expect_eq(counts.summaries, 1);
	cr_expect_eq(counts.lost, 0);
	cr_expect_eq(counts.holes, 0);
	cr_expect_eq(counts.connected, CONNECTIONS);
	cr_expect_eq(counts.accepted, CONNECTIONS);
	cr_expect_eq(counts.closed, 2 * CONNECTIONS);
}

static bool file_says(void *argument)
{
	static char text[65536];
	FILE *stream = fopen(path, "r");
	size_t length = stream ? fread(text, 1, sizeof(text) - 1, stream) : 0;

	text[length] = '\0';
	if (stream)
		fclose(stream);
	return strstr(text, argument) != NULL;
}

static void note_pid(json_t *line, void *argument)
{
	if (is(line, "event", "process"))
		*(pid_t *)argument = (pid_t)number(line, "pid");
}

/* The file is written as things happen: nothing waits for the end. */
Test(trace, of_a_killed_command_says_all_up_to_then)
{
	struct counts counts;
	struct run report;
	pid_t server = 0;

	run_start(&run, false, NULL,
		  ARGV(run_command(), "run", option, "--",
		       run_example("echoserv"), "-p0"));
	cr_assert(wait_for(file_says, (char *)"\"to\":\"LISTEN\"", 30000));
	kill(run.pid, SIGKILL);
	run_wait(&run);
	counts = count_events();
	cr_expect_eq(counts.summaries, 0);
	read_lines(note_pid, &server);
	/* The program lives on, without harm. */
	cr_assert_gt(server, 0);
	cr_expect_eq(kill(server, SIGKILL), 0);
	validate(path);
	cr_expect_eq(run_all(&report, false, NULL,
			     ARGV(run_command(), "report", "-v", path)),
		     0);
	cr_expect(strstr(run_errors(&report), "CLOSED -> LISTEN"));
	cr_expect(strstr(run_errors(&report),
			 "the trace ends before the run does"));
	cr_expect(strstr(run_errors(&report), "this picture is incomplete"));
	run_end(&report);
}

Test(trace, path_that_cannot_be_written_is_told_before_the_program_starts)
{
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run",
				  "--trace=/nonexistent/trace", "--",
				  "/bin/echo", "started")),
		     2);
	cr_expect(strstr(run_errors(&run), "--trace: /nonexistent/trace"));
	cr_expect_str_empty(run_output(&run));
}

Test(trace, full_disk_is_told_and_is_no_success)
{
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run", "--trace=/dev/full",
				  "--", run_program("many"), "3")),
		     2);
	cr_expect(strstr(run_errors(&run), "could not be written"), "%s",
		  run_errors(&run));
}
