#include "command/read_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command/read_event.h"
#include "command/say.h"
#include "command/trace_fields.h"
#include "command/trace_words.h"

enum {
	LINE_MAX_SIZE = 16 << 20, /* no event comes near */
	TOLD_MAX = 10,            /* sentences about bad lines */
};

enum reading { READ_LINE, READ_CUT, READ_TOO_LONG, READ_END };

static void make_room(struct trace *trace, size_t length)
{
	if (length < trace->size)
		return;
	trace->size = trace->size ? 2 * trace->size : 4096;
	trace->line = need_memory(realloc(trace->line, trace->size));
}

/*
 * The next line, into trace->line. A first one that is too long is not read to
 * its end: what is no trace (/dev/zero) may have none.
 */
static enum reading next_line(struct trace *trace, size_t *length)
{
	bool too_long = false;
	int byte;

	*length = 0;
	trace->number++;
	while ((byte = getc_unlocked(trace->stream)) != EOF && byte != '\n') {
		if (*length >= LINE_MAX_SIZE) {
			if (trace->number == 1)
				return READ_TOO_LONG;
			too_long = true;
			continue;
		}
		make_room(trace, *length);
		trace->line[(*length)++] = (char)byte;
	}
	if (too_long)
		return READ_TOO_LONG;
	if (byte != EOF)
		return READ_LINE;
	return *length > 0 ? READ_CUT : READ_END;
}

static void tell(struct trace *trace, const char *what)
{
	if (++trace->bad <= TOLD_MAX)
		say("%s:%u: %s", trace->name, trace->number, what);
}

/* NULL, or an object; *wrong is then one clause. */
static json_t *parse(const struct trace *trace, size_t length, char **wrong)
{
	json_error_t error;
	json_t *object =
		json_loadb(trace->line, length, JSON_REJECT_DUPLICATES, &error);

	*wrong = NULL;
	if (json_is_object(object))
		return object;
	if (object)
		*wrong = need_memory(strdup("not an object"));
	else if (asprintf(wrong, "not JSON: %s", error.text) < 0)
		need_memory(NULL);
	json_decref(object);
	return NULL;
}

static void take_line(struct trace *trace, enum reading reading, size_t length)
{
	json_t *object;
	char *wrong;

	if (reading == READ_TOO_LONG) {
		tell(trace, "the line is too long");
		return;
	}
	object = parse(trace, length, &wrong);
	if (!object && reading == READ_CUT) {
		say("%s:%u: the last line is cut off", trace->name,
		    trace->number);
		free(wrong);
		return;
	}
	if (object)
		wrong = read_event(trace, object);
	if (wrong)
		tell(trace, wrong);
	free(wrong);
	json_decref(object);
}

/* What the first line must be. NULL, or what is wrong. */
static char *read_run(struct trace *trace, json_t *object)
{
	struct trace_fields fields = { .session = trace->session,
				       .object = object };
	int64_t format;

	if (strcmp(trace_word(&fields, "event"), "run") != 0)
		trace_wrong(&fields, "the first event is not `run`");
	format = trace_number(&fields, "format", 1, INT64_MAX);
	if (!fields.wrong && format != TRACE_FORMAT)
		trace_wrong(&fields,
			    "the trace has format %lld, of another version of "
			    "tcpshadow (%.40s)",
			    (long long)format, trace_word(&fields, "version"));
	trace->session->command_line = trace_text(&fields, "command");
	trace->session->started = trace_time(&fields);
	trace->last = trace->session->started;
	return fields.wrong;
}

struct trace *read_trace_begin(struct session *session, FILE *stream,
			       const char *name)
{
	struct trace *trace = need_memory(calloc(1, sizeof(*trace)));
	json_t *object = NULL;
	char *wrong = NULL;
	size_t length;

	trace->session = session;
	trace->stream = stream;
	trace->name = name;
	switch (next_line(trace, &length)) {
	case READ_LINE:
	case READ_CUT:
		object = parse(trace, length, &wrong);
		break;
	case READ_TOO_LONG:
		wrong = need_memory(strdup("the line is too long"));
		break;
	case READ_END:
		wrong = need_memory(strdup(ferror(stream) ? strerror(errno)
							  : "it is empty"));
		break;
	}
	if (object)
		wrong = read_run(trace, object);
	json_decref(object);
	if (!wrong)
		return trace;
	say("%s:%u: this is no trace: %s", name, trace->number, wrong);
	free(wrong);
	read_trace_end(trace);
	return NULL;
}

/* An incomplete picture is not to look complete. */
static void note_gaps(struct trace *trace)
{
	struct session *session = trace->session;

	if (trace->bad > TOLD_MAX)
		say("%s: %u more lines could not be understood", trace->name,
		    trace->bad - TOLD_MAX);
	if (trace->bad > 0)
		session_blind(session, NULL,
			      "%u lines of the trace could not be understood",
			      trace->bad);
	if (trace->strange > 0)
		session_blind(session, NULL,
			      "%u events of the trace are of kinds that this "
			      "version of tcpshadow does not know",
			      trace->strange);
	if (trace->whole)
		return;
	session->cut = true;
	session->ended = trace->last;
	session_blind(session, NULL,
		      "the trace ends before the run does: tcpshadow was "
		      "killed, or is still at work");
}

void read_trace_rest(struct trace *trace)
{
	enum reading reading;
	size_t length;

	while ((reading = next_line(trace, &length)) != READ_END)
		take_line(trace, reading, length);
	if (ferror(trace->stream)) {
		trace->whole = false;
		say("%s: %s", trace->name, strerror(errno));
	}
	note_gaps(trace);
	session_over(trace->session);
}

void read_trace_end(struct trace *trace)
{
	free(trace->line);
	free(trace->stacks);
	free(trace);
}
