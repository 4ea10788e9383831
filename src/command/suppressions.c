#include "command/suppressions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command/say.h"
#include "model/suppress.h"
#include "model/text.h"

/* The parsed blocks point into it. */
static char *text;
static const char *file_name;
static unsigned int mistakes;

static void tell_mistake(unsigned int line, const char *what)
{
	say("%s:%u: %s", file_name, line, what);
	mistakes++;
}

static char *read_file(const char *path)
{
	FILE *stream = fopen(path, "re");
	size_t size = 0;
	char *read = NULL;

	if (!stream)
		return NULL;
	if (getdelim(&read, &size, '\0', stream) < 0) {
		free(read);
		read = ferror(stream) ? NULL : need_memory(strdup(""));
	}
	fclose(stream);
	return read;
}

/*
 * Names have been made printable. A block may be written as a finding shows
 * them, or as they are.
 */
static char *with_escapes(char *read)
{
	char *written = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&written, &size));

	for (const char *at = read; *at; at++) {
		if ((unsigned char)*at < 0x80)
			fputc(*at, stream);
		else
			fprintf(stream, "\\x%02x", (unsigned char)*at);
	}
	fclose(stream);
	free(read);
	return need_memory(written);
}

bool suppressions_load(const char *path)
{
	suppress_clear();
	free(text);
	text = read_file(path);
	if (!text) {
		say("suppressions: %s: %s", path, strerror(errno));
		return false;
	}
	text = with_escapes(text);
	file_name = path;
	mistakes = 0;
	suppress_parse(text, tell_mistake);
	return true;
}

bool suppressions_recall_mistakes(void)
{
	if (mistakes > 0)
		say("%s: %u %s, told at the beginning: what is not right there "
		    "suppressed nothing",
		    file_name, mistakes,
		    mistakes == 1 ? "mistake" : "mistakes");
	return mistakes > 0;
}

/* The frames one by one, with the functions that were inlined. */
struct naming {
	struct symbols *symbols;
	const struct stack *stack;
};

static bool name_frame(unsigned int wanted, struct frame_names *names,
		       void *argument)
{
	const struct naming *naming = argument;
	unsigned int at = 0;

	for (unsigned int i = 0; i < naming->stack->count; i++) {
		struct place *place = naming->stack->places[i];
		const struct symbol *symbol =
			symbols_resolve(naming->symbols, place);

		do {
			if (at++ == wanted) {
				*names = (struct frame_names){
					.module =
						place->module
							? text_base_name(
								  place->module)
							: NULL,
					.function = symbol ? symbol->function
							   : NULL,
					.source =
						symbol && symbol->file
							? text_base_name(
								  symbol->file)
							: NULL,
				};
				return true;
			}
			symbol = symbol ? symbol->outer : NULL;
		} while (symbol);
	}
	return false;
}

bool suppressions_match(struct symbols *symbols, enum rule rule,
			const struct stack *stack)
{
	static const struct stack empty = { .count = 0 };
	struct naming naming = { .symbols = symbols,
				 .stack = stack ? stack : &empty };

	return text && suppress_matches(rule, name_frame, &naming);
}

void suppressions_print(FILE *stream, struct symbols *symbols,
			const struct found *found)
{
	static const struct stack empty = { .count = 0 };
	struct naming naming = { .symbols = symbols,
				 .stack = found->stack ? found->stack
						       : &empty };
	struct frame_names names;

	fprintf(stream, "{\n   <a name for it>\n   %s\n",
		rule_slug(found->rule));
	if (naming.stack->count == 0)
		fputs("   # no call is known: this silences the whole rule\n",
		      stream);
	/* As many as a block may have; what is not named matches any. */
	for (unsigned int i = 0;
	     i < SUPPRESS_FRAMES_MAX && name_frame(i, &names, &naming); i++) {
		if (names.function)
			fprintf(stream, "   fun:%s\n", names.function);
		else
			fprintf(stream, "   obj:%s\n",
				names.module ? names.module : "*");
	}
	fputs("}\n", stream);
}
