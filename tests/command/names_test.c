/* A process is shown under the name that it was started by, as ps shows it. */
#include <jansson.h>
#include <sys/stat.h>

#include "made.h"

static char names[512]; /* of the processes that were told, one a line */

static void begin(void)
{
	made_begin();
	names[0] = '\0';
}

TestSuite(names, .init = begin, .fini = made_end);

static void read_names(void)
{
	FILE *file = fopen(made_path("run.ndjson"), "r");
	json_t *line;

	cr_assert(file);
	while ((line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
		const char *event =
			json_string_value(json_object_get(line, "event"));
		const char *name =
			json_string_value(json_object_get(line, "command"));

		if (event && strcmp(event, "process") == 0 && name) {
			strncat(names, name, sizeof(names) - 1 - strlen(names));
			strncat(names, "\n", sizeof(names) - 1 - strlen(names));
		}
		json_decref(line);
	}
	fclose(file);
}

/* The names of the processes that the program becomes, one after the other. */
static const char *names_of(const char *program, const char *how)
{
	char trace[256];

	snprintf(trace, sizeof(trace), "--trace=%s", made_path("run.ndjson"));
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "run", trace, program, how,
				  run_program("named"))),
		     0, "%s", run_errors(&made_run));
	read_names();
	return names;
}

static void expect_in_page(const char *text)
{
	char *page = made_text("page.html");

	cr_expect(strstr(page, text), "%s", text);
	free(page);
}

Test(names, a_link_has_its_own_name)
{
	const char *link = made_path("a-name-longer-than-the-kernels");

	cr_assert_eq(symlink(run_program("named"), link), 0);
	cr_expect_str_eq(names_of(link, "renames"),
			 "a-name-longer-than-the-kernels\n");
}

Test(names, a_link_is_executed_for_what_it_leads_to)
{
	char html[256];

	snprintf(html, sizeof(html), "--html=%s", made_path("page.html"));
	cr_assert_eq(symlink(run_example("sigpipe-death/bad"),
			     made_path("link")),
		     0);
	run_all(&made_run, false, NULL,
		ARGV(run_command(), "run", html, made_path("link")));
	/* The stack has functions and lines all the same. */
	cr_expect(strstr(run_errors(&made_run), "#0 main (examples/"
						"sigpipe-death/bad.c:"),
		  "%s", run_errors(&made_run));
	expect_in_page("(link)");
}

Test(names, a_script_has_its_own_name)
{
	FILE *script = fopen(made_path("script"), "w");

	cr_assert(script);
	fputs("#!/bin/sh\ntrue\n", script);
	fclose(script);
	cr_assert_eq(chmod(made_path("script"), 0755), 0);
	cr_expect_str_eq(names_of(made_path("script"), "x"), "script\n");
}

Test(names, a_thread_that_is_renamed_does_not_rename_the_process)
{
	cr_expect_str_eq(names_of(run_program("named"), "renames"), "named\n");
}

Test(names, without_arguments_the_path_names_it)
{
	cr_expect_str_eq(names_of(run_program("named"), "without-arguments"),
			 "named\nnamed\n");
}

Test(names, without_a_path_the_first_argument_names_it)
{
	cr_expect_str_eq(names_of(run_program("named"), "by-descriptor"),
			 "named\napplet\n");
	run_end(&made_run);
	names[0] = '\0';
	cr_expect_str_eq(names_of(run_program("named"), "itself"),
			 "named\napplet\n");
}

Test(names, a_stored_run_has_them_too)
{
	const char *link = made_path("link");
	char html[256];

	cr_assert_eq(symlink(run_example("reset-on-close/good"), link), 0);
	names_of(link, "x");
	run_end(&made_run);
	snprintf(html, sizeof(html), "--html=%s", made_path("page.html"));
	cr_expect_eq(run_all(&made_run, false, NULL,
			     ARGV(run_command(), "report", html,
				  made_path("run.ndjson"))),
		     0, "%s", run_errors(&made_run));
	expect_in_page("(link)");
}
