/* What has once broken a reader, and what it reads every day, by each target. */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/run.h"

static const char *const targets[] = { "ring", "decode", "suppress",
				       "diag", "trace",  "port" };

static void list(const char *target, glob_t *files)
{
	const char *source = getenv("TCPSHADOW_SOURCE");
	char pattern[512];

	snprintf(pattern, sizeof(pattern), "%s/tests/fuzz/corpus/%s/*",
		 source ? source : ".", target);
	cr_assert_eq(glob(pattern, 0, NULL, files), 0, "%s", pattern);
}

Test(fuzz, every_input_of_the_corpora_is_survived)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const char *build = getenv("TCPSHADOW_BUILD");
		char program[512];
		const char **argv;
		struct run run;
		glob_t files;

		list(targets[i], &files);
		snprintf(program, sizeof(program), "%s/tests/fuzz/%s_replay",
			 build ? build : "build", targets[i]);
		argv = calloc(files.gl_pathc + 2, sizeof(*argv));
		argv[0] = program;
		for (size_t j = 0; j < files.gl_pathc; j++)
			argv[1 + j] = files.gl_pathv[j];
		cr_expect_eq(run_all(&run, false, NULL, argv), 0, "%s: %s",
			     targets[i], run_errors(&run));
		run_end(&run);
		free(argv);
		globfree(&files);
	}
}
