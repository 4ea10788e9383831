/*
 * The files of a run: what earlier runs have left is safe until this one has
 * begun, and none destroys another.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/command.h"
#include "made.h"
#include "support/wait.h"

TestSuite(outputs, .init = made_begin, .fini = made_end);

static const char *const options[] = { "trace",     "log-file", "html",
				       "junit",     "sarif",    "perfetto",
				       "prometheus" };

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

static const char old[] = "what an earlier run has found\n";

static void write_old(const char *name)
{
	FILE *file = fopen(made_path(name), "w");

	cr_assert(file);
	fputs(old, file);
	fclose(file);
}

static bool is_old(const char *name)
{
	char *text = made_text(name);
	bool same = strcmp(text, old) == 0;

	free(text);
	return same;
}

static const char *to_file(const char *option, const char *name)
{
	static char texts[4][256];
	static unsigned int next;
	char *text = texts[next++ % 4];

	snprintf(text, sizeof(texts[0]), "--%s=%s", option, made_path(name));
	return text;
}

/* `tcpshadow run --OPTION=out MORE... PROGRAM` */
static int run_with(const char *option, const char *more, const char *program)
{
	int status = run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run", to_file(option, "out"),
				  more, program));

	run_end(&made_run);
	return status;
}

Test(outputs, an_old_one_stays_when_nothing_is_run)
{
	for (int i = 0; i < OPTIONS; i++) {
		write_old("out");
		cr_expect_eq(run_with(options[i], "-q", "/no/such/program"),
			     127);
		cr_expect(is_old("out"), "%s", options[i]);
		cr_expect_eq(run_with(options[i], "--perfetto=/no/such/x",
				      "true"),
			     EXIT_BAD_INPUT);
		cr_expect(is_old("out"), "%s", options[i]);
		cr_expect_eq(made_files(), 1, "%s", options[i]);
	}
}

Test(outputs, nothing_is_left_when_nothing_is_run)
{
	for (int i = 0; i < OPTIONS; i++) {
		cr_expect_eq(run_with(options[i], "-q", "/no/such/program"),
			     127);
		cr_expect_eq(made_files(), 0, "%s", options[i]);
		cr_expect_eq(run_with(options[i], "--perfetto=/no/such/x",
				      "true"),
			     EXIT_BAD_INPUT);
		cr_expect_eq(made_files(), 0, "%s", options[i]);
	}
}

Test(outputs, nothing_of_a_longer_old_one_is_left)
{
	for (int i = 0; i < OPTIONS; i++) {
		char *text;

		write_old("out");
		cr_assert_eq(truncate(made_path("out"), 1 << 20), 0);
		cr_expect_eq(run_with(options[i], "-v", "true"), 0);
		text = made_text("out");
		cr_expect_neq(strncmp(text, old, strlen(old)), 0);
		free(text);
		cr_expect_eq(made_files(), 1, "%s", options[i]);
	}
}

static bool is_empty(void *argument)
{
	struct stat status;

	return stat(argument, &status) == 0 && status.st_size == 0;
}

/* Should this run be killed, an old report would be taken for its own. */
Test(outputs, an_old_one_is_gone_once_the_program_runs)
{
	pid_t program;

	write_old("out");
	run_start(&made_run, false, NULL,
		  ARGV(run_command(), "run", to_file("html", "out"),
		       run_program("tree"), "signals"));
	cr_assert(run_wait_output(&made_run, "ready "));
	program = atoi(strstr(run_output(&made_run), "ready ") + 6);
	cr_expect(wait_for(is_empty, (void *)made_path("out"), RUN_TIMEOUT));
	kill(made_run.pid, SIGKILL);
	cr_expect_eq(run_wait(&made_run), 137);
	cr_expect(is_empty((void *)made_path("out")));
	/* It lives on. */
	cr_expect_eq(kill(program, SIGKILL), 0);
}

/* As two jobs of one build do; here one within the other. */
Test(outputs, two_runs_do_not_write_over_each_other)
{
	char *text;
	const char *first;

	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run", "-v",
				  to_file("log-file", "out"), run_command(),
				  "run", "-v", to_file("log-file", "out"),
				  "true")),
		     0);
	text = made_text("out");
	first = strstr(text, "== the program ended");
	cr_assert(first, "%s", text);
	cr_expect(strstr(first + 1, "== the program ended"), "%s", text);
	cr_expect_eq(strncmp(text, "tcpshadow: ", 11), 0, "%s", text);
	free(text);
}

static void check_same(const char *one, const char *two)
{
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run", one, two, "echo",
				  "started")),
		     EXIT_BAD_INPUT);
	cr_expect(strstr(run_errors(&made_run), "are the same file"), "%s",
		  made_run.text);
	cr_expect_null(strstr(run_output(&made_run), "started"));
	run_end(&made_run);
}

Test(outputs, two_of_one_name_are_refused)
{
	for (int i = 1; i < OPTIONS; i++) {
		check_same(to_file(options[0], "out"),
			   to_file(options[i], "out"));
		check_same(to_file(options[i], "out"),
			   to_file(options[i == 1 ? 2 : 1], "out"));
		cr_expect_eq(made_files(), 0);
	}
	write_old("out");
	cr_assert_eq(symlink("out", made_path("link")), 0);
	cr_assert_eq(link(made_path("out"), made_path("other")), 0);
	check_same(to_file("junit", "out"), to_file("sarif", "link"));
	check_same(to_file("junit", "other"), to_file("prometheus", "link"));
	cr_expect(is_old("out"));
}

Test(outputs, what_is_no_file_takes_several)
{
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run", "--trace=/dev/null",
				  "--html=/dev/null", "true")),
		     0, "%s", run_errors(&made_run));
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length >= strlen(end) &&
	       strcmp(text + length - strlen(end), end) == 0;
}

/* Neither writes over the other, nor over what was there. */
static void check_shared(const char *option, const char *target)
{
	static const char script[] = "{ echo before; $0 run $1=$2 echo program;"
				     " echo after; } >$3";
	char name[64];
	char *text;

	snprintf(name, sizeof(name), "--%s", option);
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV("sh", "-c", script, run_command(), name,
				  target, made_path("out"))),
		     0, "%s", run_errors(&made_run));
	text = made_text("out");
	cr_expect_eq(strncmp(text, "before\n", 7), 0, "%s: %s", name, text);
	cr_expect(strstr(text, "program\n"), "%s: %s", name, text);
	cr_expect(ends_with(text, "after\n"), "%s: %s", name, text);
	cr_expect_gt(strlen(text), strlen("before\nprogram\nafter\n"), "%s",
		     name);
	free(text);
	run_end(&made_run);
	cr_expect_eq(made_files(), 1, "%s", name);
}

Test(outputs, where_standard_output_goes_nothing_is_written_over)
{
	for (int i = 0; i < OPTIONS; i++) {
		check_shared(options[i], "/dev/stdout");
		check_shared(options[i], made_path("out"));
	}
}

Test(outputs, a_full_disk_is_one_sentence)
{
	char option[64];
	char sentence[128];

	for (int i = 0; i < OPTIONS; i++) {
		snprintf(option, sizeof(option), "--%s=/dev/full", options[i]);
		snprintf(sentence, sizeof(sentence),
			 "tcpshadow: --%s: /dev/full could not be written\n",
			 options[i]);
		cr_expect_eq(run_all(&made_run, false, NULL,
				     ARGV(run_command(), "run", option,
					  "--color=never", "true")),
			     EXIT_BAD_INPUT, "%s", option);
		cr_expect(ends_with(run_errors(&made_run), sentence), "%s",
			  made_run.text);
		cr_expect_null(strstr(made_run.text, "rror :"), "%s",
			       made_run.text);
		run_end(&made_run);
	}
}

/* It has no name by which it could be opened again. */
Test(outputs, standard_output_may_be_a_socket)
{
	char got[64] = "";
	int status = -1;
	int ends[2];
	pid_t child;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
		     0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl(run_command(), "tcpshadow", "run",
		      "--log-file=/dev/stdout", "true", (char *)NULL);
		_exit(127);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	cr_expect_gt(recv(ends[0], got, sizeof(got) - 1, MSG_DONTWAIT), 0);
	cr_expect_eq(strncmp(got, "tcpshadow: == ", 14), 0, "%s", got);
	close(ends[0]);
	close(ends[1]);
}

Test(outputs, the_trace_that_is_read_is_not_written)
{
	struct stat before;
	struct stat after;

	cr_assert_eq(made_real("trace", "trace", "true"), 0);
	run_end(&made_run);
	cr_assert_eq(stat(made_path("trace"), &before), 0);
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "report",
				  to_file("html", "trace"),
				  made_path("trace"))),
		     EXIT_BAD_INPUT);
	cr_expect(strstr(run_errors(&made_run), "is the trace that is read"),
		  "%s", made_run.text);
	cr_assert_eq(stat(made_path("trace"), &after), 0);
	cr_expect_eq(after.st_size, before.st_size);
}

Test(outputs, the_suppressions_are_not_written_over)
{
	for (int i = 0; i < OPTIONS; i++) {
		write_old("out");
		cr_expect_eq(run_with(options[i],
				      to_file("suppressions", "out"), "true"),
			     EXIT_BAD_INPUT);
		cr_expect(is_old("out"), "%s", options[i]);
		cr_expect_eq(made_files(), 1, "%s", options[i]);
	}
}
