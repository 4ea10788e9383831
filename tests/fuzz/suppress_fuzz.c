/*
 * The input is a file of suppressions; each rule is then held against it, with
 * stacks of which little, all or nothing is known.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "model/suppress.h"

static void ignore(unsigned int line, const char *what)
{
	if (line == 0 || !what[0])
		abort();
}

static bool name_frame(unsigned int i, struct frame_names *names,
		       void *argument)
{
	static const struct frame_names frames[] = {
		{ "writen", "echocli", "echocli.c" },
		{ NULL, "libc.so.6", NULL },
		{ "main", "echocli", NULL },
		{ NULL, NULL, NULL },
		{ "aaaaaaaaaaaaaaaa", "aaaaaaaab", "" },
	};
	const unsigned int *count = argument;

	if (i >= *count)
		return false;
	*names = frames[i % (sizeof(frames) / sizeof(frames[0]))];
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const unsigned int counts[] = { 0, 1, 5, 40 };
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, bytes, size);
	text[size] = '\0';
	suppress_clear();
	suppress_parse(text, ignore);
	for (int rule = 0; rule < RULE_COUNT; rule++) {
		for (int i = 0; i < 4; i++) {
			unsigned int count = counts[i];

			suppress_matches((enum rule)rule, name_frame, &count);
		}
	}
	suppress_clear();
	free(text);
	return 0;
}
