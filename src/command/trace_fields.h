/*
 * The values of one line of a trace, as its reader takes them: each of the
 * right type and within its bounds, or one clause that says what is wrong. The
 * first mistake counts; after it every value is 0, "" or NULL.
 *
 * Called by: read_trace. Nothing in a trace is believed.
 */
#ifndef COMMAND_TRACE_FIELDS_H
#define COMMAND_TRACE_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "command/session.h"

struct trace_fields {
	struct session *session;
	json_t *object;
	char *wrong; /* NULL: nothing so far; the caller frees it */
};

/* Says what is wrong, if nothing has been said yet. */
void trace_wrong(struct trace_fields *fields, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

int64_t trace_number(struct trace_fields *fields, const char *key,
		     int64_t least, int64_t most);

/* 64 bits of any value; those of the upper half are written as negative. */
uint64_t trace_bits(struct trace_fields *fields, const char *key);

/* Microseconds in the trace, nanoseconds in the session. */
uint64_t trace_time(struct trace_fields *fields);

bool trace_truth(struct trace_fields *fields, const char *key);

/* As it stands; "" when it is missing. */
const char *trace_word(struct trace_fields *fields, const char *key);

/*
 * A text of the run as it was, with the \xNN of a printable text made bytes
 * again. It lives as long as the line, and is asked for once.
 */
const char *trace_plain(struct trace_fields *fields, const char *key);

/* The same, as a text of the session's. */
const char *trace_text(struct trace_fields *fields, const char *key);

/* The place of the word among count names. */
int trace_choice(struct trace_fields *fields, const char *key, int count,
		 const char *(*name)(int value));

/* "127.0.0.1:5188", "[::1]:5188", "-" */
struct address trace_address(struct trace_fields *fields, const char *key);

/* trace_plain, or NULL, which is no mistake, when the key is missing. */
const char *trace_optional(struct trace_fields *fields, const char *key);

/* An array of at most so many. NULL on a mistake. */
json_t *trace_array(struct trace_fields *fields, const char *key, size_t most);

/* The process that the line is about; NULL when it is 0 and that is allowed. */
struct process *trace_process(struct trace_fields *fields, const char *key,
			      bool may_be_none);

#endif
