#include "command/sarif_place.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "command/say.h"
#include "model/text.h"

/* A frame, or a function that is inlined into it. */
struct spot {
	const struct place *place;
	const struct symbol *symbol; /* NULL: not known */
};

/* From one spot of a stack to the next; what called main is left out. */
struct spots {
	struct symbols *symbols;
	const struct stack *stack;
	unsigned int next;
	const struct symbol *outer;
	bool done;
};

static bool next_spot(struct spots *spots, struct spot *spot)
{
	if (spots->outer) {
		spot->symbol = spots->outer;
	} else {
		if (spots->done || !spots->stack ||
		    spots->next >= spots->stack->count)
			return false;
		spot->place = spots->stack->places[spots->next];
		spot->symbol = symbols_resolve(
			spots->symbols, spots->stack->places[spots->next++]);
	}
	spots->outer = spot->symbol ? spot->symbol->outer : NULL;
	if (spot->symbol && spot->symbol->function &&
	    strcmp(spot->symbol->function, "main") == 0) {
		spots->outer = NULL;
		spots->done = true;
	}
	return true;
}

static bool is_below(const char *path, const char *const *folders)
{
	for (; *folders; folders++) {
		if (strncmp(path, *folders, strlen(*folders)) == 0)
			return true;
	}
	return false;
}

static bool is_system(const struct process *process, const struct place *place)
{
	static const char *const folders[] = { "/lib/",       "/lib32/",
					       "/lib64/",     "/usr/lib/",
					       "/usr/lib32/", "/usr/lib64/",
					       NULL };

	if (!place->module)
		return true;
	if (process && process->program &&
	    strcmp(place->module, process->program) == 0)
		return false;
	return is_below(place->module, folders);
}

static bool has_source(const struct spot *spot)
{
	return spot->symbol && spot->symbol->file && spot->symbol->line > 0;
}

static bool is_in_directory(const struct sarif_places *places, const char *path)
{
	size_t length = places->directory ? strlen(places->directory) : 0;

	return length > 1 && strncmp(path, places->directory, length) == 0 &&
	       path[length] == '/';
}

/* How well the spot says where in the program it was; 0 is best. */
static int rank(const struct sarif_places *places,
		const struct process *process, const struct spot *spot)
{
	/* Of the compiler and its libraries; /rustc is where Rust's was. */
	static const char *const folders[] = { "/usr/include/", "/usr/lib/",
					       "/usr/src/", "/rustc/", NULL };
	bool system = is_system(process, spot->place);

	if (!has_source(spot))
		return system ? 5 : 3;
	if (system)
		return 4;
	if (is_in_directory(places, spot->symbol->file))
		return 0;
	return is_below(spot->symbol->file, folders) ? 2 : 1;
}

static bool find_spot(const struct sarif_places *places,
		      const struct process *process, const struct stack *stack,
		      struct spot *best)
{
	struct spots spots = { .symbols = places->symbols, .stack = stack };
	struct spot spot = { .place = NULL };
	int best_rank = -1;

	while (next_spot(&spots, &spot)) {
		int it = rank(places, process, &spot);

		if (best_rank >= 0 && it >= best_rank)
			continue;
		best_rank = it;
		*best = spot;
	}
	return best_rank >= 0;
}

static void add_encoded(FILE *stream, const char *path)
{
	for (; *path; path++) {
		if (isalnum((unsigned char)*path) || strchr("-._~/", *path))
			fputc(*path, stream);
		else
			fprintf(stream, "%%%02X", (unsigned char)*path);
	}
}

char *sarif_file_uri(const char *path, bool folder)
{
	char *uri = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&uri, &size));
	size_t length = strlen(path);

	fputs("file://", stream);
	add_encoded(stream, path);
	if (folder && (length == 0 || path[length - 1] != '/'))
		fputc('/', stream);
	fclose(stream);
	return uri;
}

static char *relative_uri(const char *path)
{
	char *uri = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&uri, &size));

	add_encoded(stream, path);
	fclose(stream);
	return uri;
}

static json_t *artifact(const struct sarif_places *places,
			const char *printable)
{
	size_t length = places->directory ? strlen(places->directory) : 0;
	json_t *location = need_memory(json_object());
	char *path = say_plain(printable);
	bool below = length > 1 &&
		     strncmp(path, places->directory, length) == 0 &&
		     path[length] == '/';
	char *uri = below            ? relative_uri(path + length + 1)
		    : path[0] == '/' ? sarif_file_uri(path, false)
				     : relative_uri(path);

	json_object_set_new(location, "uri", json_string(uri));
	if (below)
		json_object_set_new(location, "uriBaseId",
				    json_string(SARIF_ROOT));
	free(uri);
	free(path);
	return location;
}

/*
 * "[text](target)" is a link and "{0}" is replaced, in any message: no name of
 * a program may look like that.
 */
json_t *sarif_message(const char *text)
{
	json_t *message = need_memory(json_object());
	char *plain = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&plain, &size));

	for (const char *at = text; *at; at++) {
		fputc(*at, stream);
		if (*at == '{' || *at == '}')
			fputc(*at, stream);
		if (at[0] == ']' && at[1] == '(')
			fputc(' ', stream);
	}
	fclose(stream);
	json_object_set_new(message, "text", json_string(plain));
	free(plain);
	return message;
}

static json_t *physical(const struct sarif_places *places,
			const struct spot *spot)
{
	json_t *location = need_memory(json_object());

	if (has_source(spot)) {
		json_object_set_new(location, "artifactLocation",
				    artifact(places, spot->symbol->file));
		json_object_set_new(location, "region",
				    json_pack("{s:i}", "startLine",
					      (int)spot->symbol->line));
		return location;
	}
	if (spot->place->module)
		json_object_set_new(location, "artifactLocation",
				    artifact(places, spot->place->module));
	json_object_set_new(location, "address",
			    json_pack("{s:I, s:s}", "relativeAddress",
				      (json_int_t)spot->place->offset, "kind",
				      "instruction"));
	return location;
}

static json_t *location_of(const struct sarif_places *places,
			   const struct spot *spot)
{
	json_t *location = need_memory(json_object());

	json_object_set_new(location, "physicalLocation",
			    physical(places, spot));
	if (spot->symbol && spot->symbol->function)
		json_object_set_new(
			location, "logicalLocations",
			json_pack("[{s:s, s:s}]", "fullyQualifiedName",
				  spot->symbol->function, "kind", "function"));
	return location;
}

json_t *sarif_location(const struct sarif_places *places,
		       const struct process *process, const struct stack *stack)
{
	struct spot spot;

	if (find_spot(places, process, stack, &spot))
		return location_of(places, &spot);
	if (!process || !process->program || !process->program[0])
		return NULL;
	return json_pack("{s:{s:o}}", "physicalLocation", "artifactLocation",
			 artifact(places, process->program));
}

json_t *sarif_stack(const struct sarif_places *places,
		    const struct stack *stack, const char *message)
{
	struct spots spots = { .symbols = places->symbols, .stack = stack };
	struct spot spot = { .place = NULL };
	json_t *frames = need_memory(json_array());

	while (next_spot(&spots, &spot)) {
		json_t *frame = need_memory(json_object());

		json_object_set_new(frame, "location",
				    location_of(places, &spot));
		if (spot.place->module)
			json_object_set_new(frame, "module",
					    json_string(text_base_name(
						    spot.place->module)));
		json_array_append_new(frames, frame);
	}
	return json_pack("{s:o, s:o}", "message", sarif_message(message),
			 "frames", frames);
}

const struct stack *sarif_stack_of(const struct found *found)
{
	if (found->stack && found->stack->count > 0)
		return found->stack;
	for (unsigned int i = 0; i < found->detail_count; i++) {
		const struct stack *stack = found->details[i].stack;

		if (stack && stack->count > 0)
			return stack;
	}
	return NULL;
}

static unsigned int add_frames(FILE *stream, const struct sarif_places *places,
			       const struct found *found, bool system)
{
	struct spots spots = { .symbols = places->symbols,
			       .stack = sarif_stack_of(found) };
	struct spot spot = { .place = NULL };
	unsigned int count = 0;

	while (next_spot(&spots, &spot)) {
		const struct symbol *symbol = spot.symbol;
		const char *file = symbol && symbol->file ? symbol->file
				   : spot.place->module   ? spot.place->module
							  : "";

		if (!system && is_system(found->process, spot.place))
			continue;
		fprintf(stream, "/%s@%s",
			symbol && symbol->function ? symbol->function : "",
			text_base_name(file));
		count++;
	}
	return count;
}

char *sarif_fingerprint(const struct sarif_places *places,
			const struct found *found)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));

	fputs(rule_slug(found->rule), stream);
	/* System libraries differ between machines: only if nothing else is. */
	if (add_frames(stream, places, found, false) == 0 &&
	    add_frames(stream, places, found, true) == 0 && found->process)
		fprintf(stream, "/%s", found->process->command);
	fclose(stream);
	return text;
}
