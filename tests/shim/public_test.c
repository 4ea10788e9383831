/*
 * The calls of include/tcpshadow.h: what tests/programs/public finds, with the
 * library and without; and the header held against the table of the calls.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpshadow.h>
#include <unistd.h>

#include "support/expect.h"
#include "support/log.h"
#include "support/scenarios.h"
#include "support/suppressions.h"

SCENARIOS(public_calls, answer_by_what_the_kernel_says, "public")

/* Each row is declared, with this type, and is nothing here. */
#define PUBLIC(name, result, parameters) \
	__attribute__((unused)) static result(*check_##name) parameters = name;
#include "model/public.def"
#undef PUBLIC

struct ending {
	int status;
	const char *output;
};

/* Of an example, which tests a server that is as it should be or careless. */
static void check_example(const char *interpreter, const char *example)
{
	static const struct {
		bool shadowed;
		const char *argument;
		struct ending ending;
	} cases[] = {
		{ false, "", { 0, "not watched, 0 findings\n" } },
		{ false, "careless", { 0, "not watched, 0 findings\n" } },
		{ true, "", { 0, "watched, 0 findings\n" } },
		{ true, "careless", { 1, "watched, 1 findings\n" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ending *ending = &cases[i].ending;
		struct run run;

		cr_expect_eq(
			run_all(&run, cases[i].shadowed, NULL,
				ARGV(interpreter, example, cases[i].argument)),
			ending->status, "%s %s: %s", example, cases[i].argument,
			run_errors(&run));
		cr_expect_str_eq(run_output(&run), ending->output, "%s",
				 example);
		if (cases[i].shadowed) {
			cr_expect(strstr(run_log(&run),
					 " UTC: a client that hangs up\n"));
			cr_expect(strstr(run.text, " \"server end\" "));
			cr_expect_eq(log_errors(run.text), 0);
			cr_expect_eq(log_findings(run.text,
						  "write-after-peer-close"),
				     ending->status);
		}
		run_end(&run);
	}
}

Test(public_calls, are_of_use_in_c)
{
	check_example("/usr/bin/env", run_example("api/in_c"));
}

Test(public_calls, are_of_use_in_cxx)
{
	check_example("/usr/bin/env", run_example("api/in_cxx"));
}

Test(public_calls, are_of_use_in_python)
{
	const char *source = getenv("TCPSHADOW_SOURCE");
	char script[512];

	snprintf(script, sizeof(script), "%s/examples/api/in_python.py",
		 source ? source : ".");
	check_example("/usr/bin/python3", script);
}

Test(public_calls, do_not_count_what_is_suppressed)
{
	static const char rules[] =
		"{\n  known\n  write-after-peer-close\n  ...\n}\n";
	struct suppressions file;
	struct run run;

	cr_assert(suppressions_write(&file, rules, strlen(rules)));
	cr_expect_eq(run_all(&run, true,
			     (const char *[]){ file.variable, NULL },
			     ARGV(run_example("api/in_c"), "careless")),
		     0);
	cr_expect_str_eq(run_output(&run), "watched, 0 findings\n", "%s",
			 run_log(&run));
	run_end(&run);
	suppressions_remove(&file);
}

/* What a program of somebody else's is built with. */
Test(public_calls, header_suits_compilers_and_kinds_of_program)
{
	static const struct {
		const char *compiler;
		const char *language;
		const char *flags;
		bool found; /* the library, when it is preloaded */
	} kinds[] = {
		{ "gcc", "c", "-std=c11 -pedantic-errors -O0", true },
		{ "gcc", "c", "-std=c11 -O2 -Wl,--as-needed", true },
		{ "gcc", "c", "-O2 -fno-pie -no-pie", true },
		{ "gcc", "c", "-O2 -flto", true },
		{ "gcc", "c", "-O2 -static", false },
		{ "g++", "c++", "-std=c++11 -pedantic-errors -O0", true },
		{ "g++", "c++", "-std=c++20 -O2 -fno-pie -no-pie", true },
		{ "clang", "c", "-std=c11 -O2", true },
		{ "clang", "c++", "-std=c++17 -O2", true },
		{ "clang", "c", "-std=c11 -O2 -fno-pie -no-pie", false },
	};
	const char *source = getenv("TCPSHADOW_SOURCE");
	char program[] = "/tmp/tcpshadow-header-XXXXXX";
	char command[1024];

	close(mkstemp(program));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(
			command, sizeof(command),
			"printf '#include <tcpshadow.h>\\n"
			"int main(void) { int mark = tcpshadow_mark(\"m\"); "
			"return tcpshadow_active() * 10 + *tcpshadow_kernel(0) "
			"+ *tcpshadow_expected(-1) + tcpshadow_name(0, \"n\") "
			"+ tcpshadow_findings(mark, \"note\"); }' | "
			"%s -Wall -Wextra -Werror -I%s/include -o %s -x %s %s "
			"-",
			kinds[i].compiler, source ? source : ".", program,
			kinds[i].language, kinds[i].flags);
		cr_expect_eq(system(command), 0, "%s", command);
		for (int shadowed = 0; shadowed < 2; shadowed++) {
			struct run run;

			cr_expect_eq(run_all(&run, shadowed, NULL,
					     ARGV(program)),
				     shadowed && kinds[i].found ? 10 : 0, "%s",
				     command);
			run_end(&run);
		}
	}
	unlink(program);
}

/* The text of a file of the tree; static. */
static const char *text_of(const char *name)
{
	static char text[65536];
	const char *source = getenv("TCPSHADOW_SOURCE");
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", source ? source : ".", name);
	file = fopen(path, "r");
	cr_assert(file, "%s", path);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

Test(public_calls, each_is_explained)
{
	const char *readme = text_of("README.md");

#define PUBLIC(name, result, parameters) \
	cr_expect(strstr(readme, "`" #name "("), "%s", #name);
#include "model/public.def"
#undef PUBLIC
}

/* The names that the header gives are those of the table of states. */
Test(public_calls, header_names_the_states)
{
	const char *header = text_of("include/tcpshadow.h");

#define STATE(name, value, kernel_name, ss_name, meaning) \
	cr_expect(strstr(header, "\"" #name "\""), "%s", #name);
#include "model/states.def"
#undef STATE
}
