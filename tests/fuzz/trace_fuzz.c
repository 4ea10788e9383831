/*
 * The input is a trace. What is understood of it is written as a trace again;
 * that one, read and written, must come out as it went in.
 */
#include <string.h>

#include "command/read_trace.h"
#include "command/render_trace.h"
#include "fuzz/fuzz.h"
#include "fuzz/shown.h"

/* The trace of what was read, which the caller frees; NULL: no trace. */
static char *read_and_write(const void *bytes, size_t size, size_t *written)
{
	static struct shown shown;
	FILE *in = size > 0 ? fmemopen((void *)bytes, size, "r") : NULL;
	struct render_trace render;
	struct trace *trace;
	char *text = NULL;
	FILE *out;

	if (!in)
		return NULL;
	shown_begin(&shown);
	trace = read_trace_begin(shown.session, in, "input");
	if (trace) {
		out = open_memstream(&text, written);
		if (!out)
			abort();
		render_trace_begin(&render, shown.session, out);
		read_trace_rest(trace);
		render_trace_end(&render);
		fclose(out);
		read_trace_end(trace);
	}
	fclose(in);
	shown_end(&shown);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size_t first_size = 0;
	size_t second_size = 0;
	char *first = read_and_write(bytes, size, &first_size);
	char *second = first ? read_and_write(first, first_size, &second_size)
			     : NULL;

	if (first && (!second || first_size != second_size ||
		      memcmp(first, second, first_size) != 0))
		abort();
	free(first);
	free(second);
	return 0;
}
