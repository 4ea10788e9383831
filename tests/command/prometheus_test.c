/* --prometheus: the sums of a run, in a file that is replaced in one go. */
#include "command/render_prometheus.h"

#include <sys/stat.h>

#include "command/command.h"
#include "made.h"

TestSuite(prometheus, .init = made_begin, .fini = made_end);

static void render(struct session *session)
{
	FILE *file = fopen(made_path("run.prom"), "w");

	cr_assert(file);
	cr_expect(render_prometheus(file, session, NULL));
	cr_expect_eq(fclose(file), 0);
}

static bool has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, line, length) == 0 && text[length] == '\n')
			return true;
	}
	return false;
}

Test(prometheus, a_real_run_is_summed_up)
{
	char *text;

	made_real("prometheus", "run.prom", run_example("sigpipe-death/bad"));
	text = made_text("run.prom");
	cr_expect(has_line(text, "tcpshadow_findings_total{rule=\"sigpipe-"
				 "death\",severity=\"error\"} 1"));
	cr_expect(has_line(text, "tcpshadow_findings_total{rule=\"double-"
				 "close\",severity=\"error\"} 0"));
	cr_expect(has_line(text, "tcpshadow_transitions_total{from=\"CLOSED\","
				 "to=\"LISTEN\",event=\"passive open\"} 1"));
	cr_expect(has_line(text, "tcpshadow_processes 1"));
	cr_expect(has_line(text, "tcpshadow_lost_events_total 0"));
	free(text);
}

Test(prometheus, bytes_are_what_the_program_sent)
{
	char *text;

	made_real("prometheus", "run.prom", run_example("reset-on-close/good"));
	text = made_text("run.prom");
	cr_expect(has_line(text, "tcpshadow_sent_bytes_total 5"), "%s", text);
	cr_expect(has_line(text, "tcpshadow_received_bytes_total 5"), "%s",
		  text);
	free(text);
}

Test(prometheus, sockets_by_their_last_state)
{
	struct session *session = made_session(10000);
	char *text;

	render(session);
	text = made_text("run.prom");
	cr_expect(has_line(text, "tcpshadow_sockets{state=\"CLOSED\"} 10000"));
	cr_expect(
		has_line(text, "tcpshadow_sockets{state=\"TIME_WAIT\"} 10000"));
	cr_expect(has_line(text, "tcpshadow_sockets{state=\"LISTEN\"} 0"));
	cr_expect(has_line(text, "tcpshadow_sent_bytes_total 10700000"));
	free(text);
	session_free(session);
}

Test(prometheus, what_was_dropped_for_want_of_room_still_counts)
{
	struct session *session = made_session(110000);
	char *text;

	cr_expect_gt(session->folded, 0);
	render(session);
	text = made_text("run.prom");
	cr_expect(has_line(text, "tcpshadow_sockets{state=\"CLOSED\"} 110000"),
		  "%s", text);
	cr_expect(has_line(text,
			   "tcpshadow_sockets{state=\"TIME_WAIT\"} 110000"));
	cr_expect(has_line(text, "tcpshadow_sent_bytes_total 117700000"));
	cr_expect(has_line(text, "tcpshadow_received_bytes_total 117700000"));
	free(text);
	session_free(session);
}

/* Each series once, each name described before its first value. */
Test(prometheus, no_series_is_there_twice)
{
	struct session *session = made_session(1);
	char *text;
	char *rest;
	char *line;

	render(session);
	text = made_text("run.prom");
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL && rest) {
		char series[512];
		char type[512];
		char *whole = made_text("run.prom");
		const char *value = strrchr(line, ' ');

		cr_assert(value);
		snprintf(series, sizeof(series), "\n%.*s ", (int)(value - line),
			 line);
		snprintf(type, sizeof(type), "# TYPE %.*s ",
			 (int)strcspn(line, "{ "), line);
		if (line[0] != '#') {
			cr_expect(strstr(whole, type), "%s", line);
			cr_expect_null(strstr(strstr(whole, series) + 1,
					      series),
				       "%s", line);
		}
		free(whole);
	}
	free(text);
	session_free(session);
}

static void write_old(void)
{
	FILE *file = fopen(made_path("run.prom"), "w");

	cr_assert(file);
	fputs("old\n", file);
	fclose(file);
	cr_assert_eq(chmod(made_path("run.prom"), 0640), 0);
}

Test(prometheus, the_old_file_is_there_until_the_new_one_is)
{
	char option[256];
	struct stat status;
	char *text;

	write_old();
	snprintf(option, sizeof(option), "--prometheus=%s",
		 made_path("run.prom"));
	/* The program itself looks at what a collector would see. */
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run", option, "grep", "-q",
				  "old", made_path("run.prom"))),
		     0, "%s", run_errors(&made_run));
	text = made_text("run.prom");
	cr_expect(has_line(text, "tcpshadow_processes 1"));
	cr_expect_null(strstr(text, "old"));
	free(text);
	cr_assert_eq(stat(made_path("run.prom"), &status), 0);
	cr_expect_eq(status.st_mode & 0777, 0640);
	cr_expect_eq(made_files(), 1);
}

Test(prometheus, nothing_is_left_or_replaced_when_nothing_was_run)
{
	char *text;

	write_old();
	made_real("prometheus", "run.prom", "/no/such/program");
	text = made_text("run.prom");
	cr_expect_str_eq(text, "old\n");
	free(text);
	cr_expect_eq(made_files(), 1);
}

Test(prometheus, nothing_is_left_when_another_output_cannot_be_opened)
{
	char option[256];

	snprintf(option, sizeof(option), "--prometheus=%s",
		 made_path("run.prom"));
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run", option,
				  "--log-file=/no/such/folder/x", "true")),
		     EXIT_BAD_INPUT);
	cr_expect_eq(made_files(), 0);
}

Test(prometheus, a_path_that_cannot_be_written_is_told_first)
{
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run",
				  "--prometheus=/no/such/folder/run.prom",
				  "echo", "started")),
		     EXIT_BAD_INPUT);
	cr_expect(strstr(run_errors(&made_run), "--prometheus"));
	cr_expect_null(strstr(run_output(&made_run), "started"));
}

Test(prometheus, what_is_no_file_is_written_as_it_is)
{
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run",
				  "--prometheus=/dev/stdout", "true")),
		     0);
	cr_expect(strstr(run_output(&made_run), "\ntcpshadow_processes 1\n"));
}

Test(prometheus, promtool_has_nothing_to_say)
{
	struct session *session = made_session(100);
	char command[512];

	if (system("command -v promtool >/dev/null") != 0)
		cr_skip_test("promtool is not installed: `make pictures`");
	made_finding(session, RULE_DOUBLE_CLOSE, session->processes, NULL);
	render(session);
	snprintf(command, sizeof(command), "promtool check metrics <'%s' 2>&1",
		 made_path("run.prom"));
	cr_expect_eq(run_all(&made_run, false, NULL, ARGV("sh", "-c", command)),
		     0);
	cr_expect_str_empty(run_output(&made_run));
	session_free(session);
}
