#include "model/option.h"

#include <string.h>

static const struct option_row rows[OPTION_COUNT] = {
#define OPTION(n, t, k, s, f, v, h)                      \
	[OPTION_##n] = { .environment = "TCPSHADOW_" #n, \
			 .name = t,                      \
			 .key = k,                       \
			 .scope = SCOPE_##s,             \
			 .fallback = f,                  \
			 .values = v,                    \
			 .help = h },
#include "model/options.def"
#undef OPTION
};

const struct option_row *option_row(enum option_id option)
{
	return &rows[option];
}

static bool is_number(const char *value)
{
	enum { MAX_DIGITS = 9 };
	size_t digits = strspn(value, "0123456789");

	return digits > 0 && digits <= MAX_DIGITS && value[digits] == '\0';
}

static unsigned long read_number(const char *digits)
{
	unsigned long number = 0;

	while (*digits >= '0' && *digits <= '9')
		number = number * 10 + (unsigned long)(*digits++ - '0');
	return number;
}

static bool range_admits(const char *word, const char *value)
{
	const char *highest = word + strcspn(word, ".") + strlen("..");
	unsigned long number = read_number(value);

	return is_number(value) && number >= read_number(word) &&
	       number <= read_number(highest);
}

static bool word_admits(const char *word, size_t length, const char *value)
{
	if (length == 4 &&
	    (memcmp(word, "FILE", 4) == 0 || memcmp(word, "LIST", 4) == 0))
		return value[0] != '\0';
	if (length == 6 && memcmp(word, "NUMBER", 6) == 0)
		return is_number(value);
	if (word[0] >= '0' && word[0] <= '9')
		return range_admits(word, value);
	return strlen(value) == length && memcmp(word, value, length) == 0;
}

int option_match(enum option_id option, const char *value)
{
	const char *word = rows[option].values;

	for (int position = 0;; position++) {
		size_t length = strcspn(word, "|");

		if (word_admits(word, length, value))
			return position;
		if (word[length] == '\0')
			return -1;
		word += length + 1;
	}
}
