#include "model/suppress.h"

#include <stddef.h>
#include <string.h>

enum { BLOCKS_MAX = 256, ANY_RULE = -1 };

enum frame_kind { FRAME_FUNCTION, FRAME_MODULE, FRAME_SOURCE, FRAME_ANY };

struct frame_pattern {
	enum frame_kind kind;
	const char *pattern;
};

struct block {
	int rule;
	unsigned int count;
	struct frame_pattern frames[SUPPRESS_FRAMES_MAX];
};

static struct block blocks[BLOCKS_MAX];
static unsigned int block_count;

bool suppress_glob(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static int find_rule(const char *slug)
{
	if (strcmp(slug, "*") == 0)
		return ANY_RULE;
	for (int i = 0; i < RULE_COUNT; i++) {
		if (strcmp(rule_slug((enum rule)i), slug) == 0)
			return i;
	}
	return RULE_COUNT;
}

/* NULL, or what is wrong with the line. */
static const char *add_frame(struct block *block, const char *line)
{
	static const struct {
		const char *prefix;
		enum frame_kind kind;
	} kinds[] = {
		{ "fun:", FRAME_FUNCTION },
		{ "obj:", FRAME_MODULE },
		{ "src:", FRAME_SOURCE },
	};
	struct frame_pattern *frame = &block->frames[block->count];

	if (block->count == SUPPRESS_FRAMES_MAX)
		return "more than 24 frames";
	if (strcmp(line, "...") == 0) {
		frame->kind = FRAME_ANY;
		block->count++;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(line, kinds[i].prefix, 4) != 0 || line[4] == '\0')
			continue;
		frame->kind = kinds[i].kind;
		frame->pattern = line + 4;
		block->count++;
		return NULL;
	}
	return "expected fun:, obj:, src:, ... or }";
}

/* Cuts blanks off both ends, and a line that is a comment altogether. */
static char *trim(char *line)
{
	char *end;

	while (*line == ' ' || *line == '\t')
		line++;
	end = line + strlen(line);
	while (end > line &&
	       (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		*--end = '\0';
	return *line == '#' ? end : line;
}

enum place { OUTSIDE, AT_NAME, AT_RULE, AT_FRAMES, IN_BAD_BLOCK };

/* One line, which is not empty. NULL, or what is wrong with it. */
static const char *take_line(const char *line, enum place *place,
			     struct block *block)
{
	switch (*place) {
	case OUTSIDE:
		if (strcmp(line, "{") != 0)
			return "expected {";
		*place = AT_NAME;
		block->count = 0;
		return NULL;
	case AT_NAME:
		*place = AT_RULE;
		return strcmp(line, "}") == 0 ? "a block without a name" : NULL;
	case AT_RULE:
		*place = AT_FRAMES;
		block->rule = find_rule(line);
		return block->rule == RULE_COUNT ? "no such rule" : NULL;
	case AT_FRAMES:
		if (strcmp(line, "}") != 0)
			return add_frame(block, line);
		*place = OUTSIDE;
		if (block_count == BLOCKS_MAX)
			return "more than 256 suppressions";
		blocks[block_count++] = *block;
		return NULL;
	case IN_BAD_BLOCK:
		if (strcmp(line, "}") == 0)
			*place = OUTSIDE;
		return NULL;
	}
	return NULL;
}

void suppress_parse(char *text,
		    void (*mistake)(unsigned int line, const char *what))
{
	static struct block block;
	enum place place = OUTSIDE;
	unsigned int number = 0;
	char *rest = text;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		enum place before = place;
		const char *wrong;

		number++;
		line = trim(line);
		if (*line == '\0')
			continue;
		wrong = take_line(line, &place, &block);
		if (!wrong)
			continue;
		mistake(number, wrong);
		if (before != OUTSIDE && strcmp(line, "}") != 0)
			place = IN_BAD_BLOCK;
		else
			place = OUTSIDE;
	}
	if (place != OUTSIDE)
		mistake(number, "the last block has no }");
}

void suppress_clear(void)
{
	block_count = 0;
}

static bool frame_matches(const struct frame_pattern *frame,
			  const struct frame_names *names)
{
	const char *text = frame->kind == FRAME_FUNCTION ? names->function
			   : frame->kind == FRAME_MODULE ? names->module
							 : names->source;

	return suppress_glob(frame->pattern, text ? text : "");
}

/* `...` is a star over frames: the same walk as in suppress_glob. */
static bool stack_matches(const struct block *block,
			  bool (*names)(unsigned int, struct frame_names *,
					void *),
			  void *argument)
{
	struct frame_names frame;
	unsigned int at = 0;
	unsigned int i = 0;
	unsigned int resume = 0;
	int star = -1;

	while (i < block->count) {
		if (block->frames[i].kind == FRAME_ANY) {
			star = (int)i++;
			resume = at;
			continue;
		}
		if (!names(at, &frame, argument))
			return false;
		if (frame_matches(&block->frames[i], &frame)) {
			i++;
			at++;
		} else if (star >= 0) {
			i = (unsigned int)star + 1;
			at = ++resume;
		} else {
			return false;
		}
	}
	return true;
}

bool suppress_matches(enum rule rule,
		      bool (*names)(unsigned int i, struct frame_names *,
				    void *),
		      void *argument)
{
	for (unsigned int i = 0; i < block_count; i++) {
		const struct block *block = &blocks[i];

		if (block->rule != ANY_RULE && block->rule != (int)rule)
			continue;
		if (stack_matches(block, names, argument))
			return true;
	}
	return false;
}
