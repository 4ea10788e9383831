/* Findings that are known: what a file of suppressions hides, and what not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/run.h"
#include "support/suppressions.h"

/* tcpshadow run WORDS... */
#define RUN(...) ARGV(run_command(), "run", __VA_ARGS__)

Test(suppressions, know_the_names_of_the_source)
{
	char name[100];
	char option[128];
	FILE *file;
	struct run run;

	snprintf(name, sizeof(name), "/tmp/tcpshadow-supp-%d", getpid());
	snprintf(option, sizeof(option), "--suppressions=%s", name);
	file = fopen(name, "w");
	fputs("{\n one\n double-close\n fun:main\n src:bad.c\n}\n"
	      "{\n two\n double-close\n src:bad.c\n}\n",
	      file);
	fclose(file);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(option, "--error-exitcode=9",
				 run_example("double-close/bad"))),
		     0);
	cr_expect_null(strstr(run_errors(&run), "[double-close]"), "%s",
		       run.text);
	cr_expect(strstr(run.text, "suppressed"), "%s", run.text);
	run_end(&run);
	unlink(name);
}

static const char half_good[] = "{\n one\n no-such-rule\n}\n"
				"{\n two\n double-close\n src:bad.c\n}\n";

/* It cannot hide a finding, and the end does not look as if all was well. */
Test(suppressions, a_mistake_is_told_and_the_rest_applies)
{
	struct suppressions file;
	const char *mistake;
	char option[128];
	struct run run;

	cr_assert(suppressions_write(&file, half_good, strlen(half_good)));
	snprintf(option, sizeof(option), "--suppressions=%s", file.path);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN("-q", option, "--error-exitcode=9",
				 run_example("double-close/bad"))),
		     2);
	mistake = strstr(run_errors(&run), ":3: no such rule\n");
	cr_assert(mistake, "%s", run.text);
	cr_expect_null(strstr(mistake + 1, ":3: "), "%s", run.text);
	cr_expect(strstr(run.text, ": 1 mistake, told at the beginning"), "%s",
		  run.text);
	cr_expect_null(strstr(run.text, "bad suppressions"), "%s", run.text);
	cr_expect_null(strstr(run.text, "[double-close]"), "%s", run.text);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(option, "sh", "-c", "exit 3")),
		     3);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(option, "--error-exitcode=9", "--fail-on=note",
				 run_example("no-reuseaddr/bad"))),
		     9);
	run_end(&run);
	suppressions_remove(&file);
	/* Nor is anything run when there is no such file. */
	cr_expect_eq(run_all(&run, false, NULL, RUN(option, "echo", "ran")), 2);
	cr_expect_str_eq(run_output(&run), "");
	run_end(&run);
}

/* A relative name, from a process in another folder; or as a variable. */
Test(suppressions, hold_wherever_a_process_runs)
{
	static const char text[] = "{\n one\n double-close\n src:bad.c\n}\n";
	const char *bad = run_example("double-close/bad");
	struct suppressions file;
	char option[128];
	struct run run;

	cr_assert(suppressions_write(&file, text, sizeof(text) - 1));
	snprintf(option, sizeof(option),
		 "cd /tmp; exec \"$0\" run "
		 "--suppressions=%s sh -c 'cd /; %s'",
		 strrchr(file.path, '/') + 1, bad);
	run_all(&run, false, NULL, ARGV("sh", "-c", option, run_command()));
	cr_expect_null(strstr(run_errors(&run), "cannot be opened"), "%s",
		       run.text);
	cr_expect_null(strstr(run.text, "[double-close]"), "%s", run.text);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, ARGV(file.variable),
			     RUN("--error-exitcode=9", bad)),
		     0);
	cr_expect_null(strstr(run_errors(&run), "[double-close]"), "%s",
		       run.text);
	run_end(&run);
	/* The command line wins. */
	cr_expect_eq(
		run_all(&run, false, ARGV(file.variable),
			RUN("--suppressions=none", "--error-exitcode=9", bad)),
		9);
	run_end(&run);
	suppressions_remove(&file);
}

Test(suppressions, that_were_printed_suppress)
{
	char name[100];
	char option[128];
	char command[600];
	struct run run;

	snprintf(name, sizeof(name), "/tmp/tcpshadow-gen-%d", getpid());
	snprintf(option, sizeof(option), "--suppressions=%s", name);
	snprintf(command, sizeof(command),
		 "'%s' run -q --gen-suppressions=yes '%s' 2>&1 | "
		 "sed -n '/^{/,/^}/p' > %s",
		 run_command(), run_example("double-close/bad"), name);
	cr_assert_eq(system(command), 0);
	cr_expect_eq(
		run_all(&run, false, NULL,
			RUN(option, "-q", run_example("double-close/bad"))),
		0);
	cr_expect_str_eq(run_errors(&run), "");
	run_end(&run);
	unlink(name);
}

Test(suppressions, a_mistake_is_told_of_a_stored_run_too)
{
	struct suppressions file;
	char option[128];
	char trace[64];
	char to[128];
	struct run run;

	snprintf(trace, sizeof(trace), "/tmp/tcpshadow-supp-%d", getpid());
	snprintf(to, sizeof(to), "--trace=%s", trace);
	run_all(&run, false, NULL, RUN(to, run_example("double-close/bad")));
	run_end(&run);
	cr_assert(suppressions_write(&file, half_good, strlen(half_good)));
	snprintf(option, sizeof(option), "--suppressions=%s", file.path);
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "report", option, trace)),
		     2);
	cr_expect(strstr(run_errors(&run), ":3: no such rule\n"), "%s",
		  run.text);
	cr_expect(strstr(run.text, "suppressed)"), "%s", run.text);
	cr_expect_null(strstr(run.text, "[double-close]"), "%s", run.text);
	run_end(&run);
	suppressions_remove(&file);
	unlink(trace);
}

/* As it is written in the source, or as a finding and a printed one have it. */
Test(suppressions, names_need_not_be_ascii)
{
	static const char *const texts[] = {
		"{\n one\n *\n fun:schlie\303\237en\n src:m\303\274ller.c\n}\n",
		"{\n one\n *\n fun:schlie\\xc3\\x9fen\n}\n",
		"{\n one\n *\n fun:schlie*en\n obj:m\303\274ller\n}\n",
	};
	static const char script[] =
		"cd %s; echo '#include <netinet/in.h>\n"
		"#include <sys/socket.h>\n#include <unistd.h>\n"
		"int schlie\303\237en(int fd) { return close(fd) + close(fd); "
		"}\n"
		"int main() { return schlie\303\237en(socket(2, 1, 0)) > 0; }' "
		"> m\303\274ller.c; gcc -g m\303\274ller.c -o m\303\274ller";
	char folder[] = "/tmp/tcpshadow-supp-XXXXXX";
	char command[1024];
	char program[64];

	cr_assert(mkdtemp(folder));
	snprintf(command, sizeof(command), script, folder);
	cr_assert_eq(system(command), 0);
	snprintf(program, sizeof(program), "%s/m\303\274ller", folder);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct suppressions file;
		char option[128];
		struct run run;

		cr_assert(
			suppressions_write(&file, texts[i], strlen(texts[i])));
		snprintf(option, sizeof(option), "--suppressions=%s",
			 file.path);
		cr_expect_eq(run_all(&run, false, NULL,
				     RUN("-q", option, program)),
			     0);
		cr_expect_str_eq(run_errors(&run), "");
		run_end(&run);
		suppressions_remove(&file);
	}
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}
