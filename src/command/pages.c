#include "command/pages.h"

#include <ctype.h>
#include <string.h>

/* PAGE(slug, text): made from docs/rules by the Makefile. */
static const struct {
	const char *slug;
	const char *text;
} pages[] = {
#define PAGE(s, t) { .slug = s, .text = t },
#include "command/pages.def"
#undef PAGE
	{ .slug = "", .text = "" },
};

const char *page_of_rule(enum rule rule)
{
	for (int i = 0; pages[i].slug[0] != '\0'; i++) {
		if (strcmp(pages[i].slug, rule_slug(rule)) == 0)
			return pages[i].text;
	}
	return "";
}

static bool is_in_word(char byte)
{
	return isalnum((unsigned char)byte) || byte == '_';
}

bool page_mentions(enum rule rule, const char *word)
{
	const char *page = page_of_rule(rule);
	size_t length = strlen(word);

	for (const char *at = page; (at = strstr(at, word)); at += length) {
		if ((at == page || !is_in_word(at[-1])) &&
		    !is_in_word(at[length]))
			return true;
	}
	return false;
}
