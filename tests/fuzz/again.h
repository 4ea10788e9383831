/*
 * A trace that was written, read and written again, must come out as it went
 * in.
 */
#ifndef FUZZ_AGAIN_H
#define FUZZ_AGAIN_H

#include <string.h>

#include "command/read_trace.h"
#include "command/render_trace.h"
#include "fuzz/shown.h"

/* The trace of what was read, which the caller frees; NULL: no trace. */
static inline char *read_and_write(const void *bytes, size_t size,
				   size_t *written)
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

static inline void check_again(const char *text, size_t size)
{
	size_t written = 0;
	char *again = read_and_write(text, size, &written);

	if (!again || written != size || memcmp(text, again, size) != 0)
		abort();
	free(again);
}

#endif
