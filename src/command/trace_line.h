/*
 * A line of a trace as a JSON object, key by key.
 *
 * Called by: render_trace. All text of a session is printable ASCII.
 */
#ifndef COMMAND_TRACE_LINE_H
#define COMMAND_TRACE_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "command/session.h"
#include "model/text.h"

enum { LINE_ADDRESS_SIZE = 64 };

/* An object whose first key is `event`. */
json_t *line_new(const char *event);

/* The same, with what the process and the socket are known by. */
json_t *line_about_socket(const char *event, const struct process *process,
			  const struct tcp_socket *socket);

/* Takes the value. */
void line_set(json_t *object, const char *key, json_t *value);

/* Above the half of 64 bits it is written as negative. */
void line_set_number(json_t *object, const char *key, uint64_t number);

/* NULL is "". */
void line_set_text(json_t *object, const char *key, const char *text);

void line_set_truth(json_t *object, const char *key, bool truth);

/* From nanoseconds; a trace has microseconds. */
void line_set_time(json_t *object, const char *key, uint64_t time);

/* NULL: about no process. */
void line_set_process(json_t *object, const struct process *process);

/* In space, of LINE_ADDRESS_SIZE bytes. */
const char *line_address(const struct address *address, char *space);

#endif
