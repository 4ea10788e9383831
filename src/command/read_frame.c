#include "command/read_frame.h"

#include <limits.h>

enum { INLINED_MAX = 64 };

/* What is known of a frame, or of a function that it is inlined into. */
static bool read_symbol(struct trace_fields *fields, struct symbol *symbol)
{
	*symbol = (struct symbol){
		.function = trace_optional(fields, "function"),
		.file = trace_optional(fields, "file"),
	};
	if (symbol->file)
		symbol->line =
			(unsigned int)trace_number(fields, "line", 0, UINT_MAX);
	return symbol->function || symbol->file;
}

struct place *read_frame(struct trace_fields *fields)
{
	struct symbol chain[1 + INLINED_MAX];
	bool known = read_symbol(fields, &chain[0]);
	const char *module = trace_optional(fields, "module");
	uint64_t offset = trace_bits(fields, "offset");
	json_t *outer;
	size_t i;

	if (json_object_get(fields->object, "inlined_into")) {
		json_t *array =
			trace_array(fields, "inlined_into", INLINED_MAX);

		known = true;
		json_array_foreach(array, i, outer)
		{
			struct trace_fields inner = *fields;

			inner.object = outer;
			read_symbol(&inner, &chain[i + 1]);
			fields->wrong = inner.wrong;
			chain[i].outer = &chain[i + 1];
		}
	}
	if (fields->wrong)
		return NULL;
	/* Told even if nothing is known: a file of that name here is not it. */
	return symbols_told(fields->session->symbols, module, offset,
			    known ? chain : NULL);
}
