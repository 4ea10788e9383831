#include "command/say.h"

#include <ctype.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "model/text.h"

void *need_memory(void *memory)
{
	if (memory)
		return memory;
	fputs("tcpshadow: out of memory\n", stderr);
	abort();
}

char *say_printable(const char *text)
{
	size_t size = 4 * strlen(text) + 1;
	char *copy = need_memory(malloc(size));
	struct text out;

	text_begin(&out, copy, size);
	text_add_foreign(&out, text);
	return copy;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return isxdigit((unsigned char)digit) ? tolower(digit) - 'a' + 10 : 0;
}

char *say_plain(const char *text)
{
	char *copy = need_memory(strdup(text));
	char *out = copy;

	while (*text) {
		char byte;

		if (text[0] != '\\' || text[1] != 'x' ||
		    !isxdigit((unsigned char)text[2]) ||
		    !isxdigit((unsigned char)text[3])) {
			*out++ = *text++;
			continue;
		}
		byte = (char)(hex_digit(text[2]) << 4 | hex_digit(text[3]));
		/* No text ends before its end. */
		*out++ = byte ? byte : '?';
		text += 4;
	}
	*out = '\0';
	return copy;
}

static void say_list(const char *format, va_list list)
{
	char *text = NULL;
	char *printable;

	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	printable = say_printable(need_memory(text));
	fprintf(stderr, "tcpshadow: %s\n", printable);
	free(printable);
	free(text);
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(format, list);
	va_end(list);
}

int say_bad_input(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(format, list);
	va_end(list);
	return EXIT_BAD_INPUT;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *say_once(void **texts, const char *text)
{
	char *printable = say_printable(text);
	char **found = need_memory(tsearch(printable, texts, compare_texts));

	if (*found != printable)
		free(printable);
	return *found;
}
