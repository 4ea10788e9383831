/* The tree keeps its promises: who includes whom, and what belongs together. */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/option.h"
#include "model/rule.h"

static const char *in_source(const char *format, const char *name)
{
	static char path[1024];
	const char *source = getenv("TCPSHADOW_SOURCE");
	char tail[512];

	snprintf(tail, sizeof(tail), "%s%s", format, name);
	snprintf(path, sizeof(path), "%s/%s", source ? source : ".", tail);
	return path;
}

/* Every quoted include of the room's files begins with an allowed room. */
static void check_room(const char *room, const char *const *allowed)
{
	static const char *const endings[] = { "/*.c", "/*.h" };

	for (int i = 0; i < 2; i++) {
		char pattern[64];
		glob_t files;

		snprintf(pattern, sizeof(pattern), "src/%s%s", room,
			 endings[i]);
		cr_assert_eq(glob(in_source(pattern, ""), 0, NULL, &files), 0);
		for (size_t j = 0; j < files.gl_pathc; j++) {
			FILE *file = fopen(files.gl_pathv[j], "r");
			char line[512];

			while (fgets(line, sizeof(line), file)) {
				const char *const *room_allowed = allowed;

				if (strncmp(line, "#include \"", 10) != 0)
					continue;
				while (*room_allowed &&
				       strncmp(line + 10, *room_allowed,
					       strlen(*room_allowed)) != 0)
					room_allowed++;
				cr_expect(*room_allowed, "%s: %s",
					  files.gl_pathv[j], line);
			}
			fclose(file);
		}
		globfree(&files);
	}
}

Test(tree, includes_go_one_way)
{
	check_room("model", (const char *const[]){ "model/", NULL });
	check_room("kernel",
		   (const char *const[]){ "kernel/", "model/", NULL });
	check_room("ring", (const char *const[]){ "ring/", "model/", NULL });
	check_room("shim", (const char *const[]){ "shim/", "ring/", "kernel/",
						  "model/", NULL });
	check_room("command",
		   (const char *const[]){ "command/", "ring/", "kernel/",
					  "model/", NULL });
}

Test(tree, no_source_file_of_the_library_is_over_500_lines)
{
	glob_t files;

	cr_assert_eq(glob(in_source("src/*/*.[ch]", ""), 0, NULL, &files), 0);
	cr_assert_gt(files.gl_pathc, 50);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *file = fopen(files.gl_pathv[i], "r");
		int lines = 0;
		int byte;

		while ((byte = getc(file)) != EOF)
			lines += byte == '\n';
		fclose(file);
		cr_expect_leq(lines, 500, "%s", files.gl_pathv[i]);
	}
	globfree(&files);
}

static bool is_of_the_tracer(const char *slug)
{
	return strcmp(slug, "lost-track") == 0 ||
	       strcmp(slug, "blind-spot") == 0;
}

/* What the page shows under the heading is what the example does. */
static void check_snippet(const char *page, const char *heading,
			  const char *slug, const char *which)
{
	const char *at = strstr(page, heading);
	const char *start = at ? strstr(at, "```c\n") : NULL;
	const char *end = start ? strstr(start, "\n```\n") : NULL;
	char snippet[8192];
	char text[16384] = "";
	char name[128];
	FILE *file;

	cr_assert(end, "%s: no snippet under %s", slug, heading);
	start += 5;
	snprintf(snippet, sizeof(snippet), "%.*s", (int)(end - start), start);
	snprintf(name, sizeof(name), "examples/%s/%s.c", slug, which);
	file = fopen(in_source(name, ""), "r");
	cr_assert(file, "no example %s", name);
	(void)!fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	cr_expect(strstr(text, snippet), "%s and its page differ", name);
}

Test(tree, every_rule_has_a_page_and_its_examples)
{
	static const char *const headings[] = { "## What happened",
						"## Why it matters",
						"## How it is found",
						"## When to ignore it" };

	for (int i = 0; i < RULE_COUNT; i++) {
		const char *slug = rule_slug((enum rule)i);
		char name[128];
		char text[16384] = "";
		FILE *file;

		snprintf(name, sizeof(name), "docs/rules/%s.md", slug);
		file = fopen(in_source(name, ""), "r");
		cr_expect(file, "no page %s", name);
		if (!file)
			continue;
		(void)!fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
		for (size_t j = 0; j < 4; j++)
			cr_expect(strstr(text, headings[j]), "%s: %s", name,
				  headings[j]);
		if (is_of_the_tracer(slug))
			continue;
		check_snippet(text, "## Wrong", slug, "bad");
		check_snippet(text, "## Right", slug, "good");
	}
}

Test(tree, every_option_is_in_the_readme)
{
	static char text[65536];
	FILE *file = fopen(in_source("README.md", ""), "r");

	cr_assert(file);
	(void)!fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		char flag[64];

		snprintf(flag, sizeof(flag), "`--%s", row->name);
		if (row->scope == SCOPE_HIDDEN)
			continue;
		cr_expect(strstr(text, row->scope == SCOPE_RUN
					       ? flag
					       : row->environment),
			  "%s", row->name);
	}
	cr_expect(strstr(text, "make demo"));
	cr_expect(strstr(text, "make test"));
}
