#include "command/nearest.h"

#include <ctype.h>
#include <string.h>

/* No name of ours is as long; a longer word is nobody's slip of the pen. */
enum { WORD_MAX = 40 };

static int plain(char byte)
{
	return byte == '_' ? '-' : tolower((unsigned char)byte);
}

int nearest_is_same(const char *a, const char *b)
{
	while (*a && plain(*a) == plain(*b)) {
		a++;
		b++;
	}
	return plain(*a) == plain(*b);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to insert, delete or replace (Levenshtein), one row at a time. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; *a; i++, a++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t replaced =
				diagonal + (plain(*a) != plain(b[j - 1]));

			diagonal = row[j];
			row[j] = least(replaced, 1 + least(row[j], row[j - 1]));
		}
	}
	return row[length];
}

/* A beginning counts as one slip, a part from within as two. */
static size_t rate(const char *word, const char *name)
{
	size_t length = strlen(word);
	size_t best = distance(word, name);

	if (length < 3)
		return best;
	for (const char *at = name; strlen(at) >= length; at++) {
		size_t i = 0;

		while (i < length && plain(at[i]) == plain(word[i]))
			i++;
		if (i == length)
			best = least(best, at == name ? 1 : 2);
	}
	return best;
}

size_t nearest_names(const char *word, const char *const *names, size_t count,
		     const char *near[static NEAREST_MAX])
{
	size_t rates[NEAREST_MAX];
	size_t allowed = strlen(word) / 3;
	size_t found = 0;

	if (strlen(word) > WORD_MAX)
		return 0;
	allowed = allowed < 2 ? 2 : allowed;
	for (size_t i = 0; i < count; i++) {
		size_t rating = strlen(names[i]) > WORD_MAX
					? WORD_MAX
					: rate(word, names[i]);
		size_t at = found;

		if (rating > allowed)
			continue;
		while (at > 0 && rates[at - 1] > rating)
			at--;
		if (at == NEAREST_MAX)
			continue;
		if (found < NEAREST_MAX)
			found++;
		for (size_t j = found - 1; j > at; j--) {
			rates[j] = rates[j - 1];
			near[j] = near[j - 1];
		}
		rates[at] = rating;
		near[at] = names[i];
	}
	return found;
}
