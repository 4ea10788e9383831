#include "command/trace_fields.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/say.h"

void trace_wrong(struct trace_fields *fields, const char *format, ...)
{
	va_list list;

	if (fields->wrong)
		return;
	va_start(list, format);
	if (vasprintf(&fields->wrong, format, list) < 0)
		fields->wrong = NULL;
	va_end(list);
	need_memory(fields->wrong);
}

static json_t *get(struct trace_fields *fields, const char *key)
{
	json_t *value = json_object_get(fields->object, key);

	if (!value)
		trace_wrong(fields, "`%s` is missing", key);
	return fields->wrong ? NULL : value;
}

int64_t trace_number(struct trace_fields *fields, const char *key,
		     int64_t least, int64_t most)
{
	json_t *value = get(fields, key);

	if (!value)
		return 0;
	if (!json_is_integer(value)) {
		trace_wrong(fields, "`%s` is not a whole number", key);
		return 0;
	}
	if (json_integer_value(value) < least ||
	    json_integer_value(value) > most) {
		trace_wrong(fields, "`%s` is out of range", key);
		return 0;
	}
	return json_integer_value(value);
}

uint64_t trace_bits(struct trace_fields *fields, const char *key)
{
	return (uint64_t)trace_number(fields, key, INT64_MIN, INT64_MAX);
}

uint64_t trace_time(struct trace_fields *fields)
{
	return 1000 *
	       (uint64_t)trace_number(fields, "time", 0, UINT64_MAX / 1000);
}

bool trace_truth(struct trace_fields *fields, const char *key)
{
	json_t *value = get(fields, key);

	if (value && !json_is_boolean(value))
		trace_wrong(fields, "`%s` is neither true nor false", key);
	return json_is_true(value);
}

const char *trace_word(struct trace_fields *fields, const char *key)
{
	json_t *value = get(fields, key);

	if (value && !json_is_string(value))
		trace_wrong(fields, "`%s` is not a text", key);
	return value && !fields->wrong ? json_string_value(value) : "";
}

const char *trace_plain(struct trace_fields *fields, const char *key)
{
	const char *word = trace_word(fields, key);
	char *plain;

	if (!strchr(word, '\\'))
		return word;
	plain = say_plain(word);
	if (json_string_set_nocheck(json_object_get(fields->object, key),
				    plain) != 0)
		need_memory(NULL);
	free(plain);
	return json_string_value(json_object_get(fields->object, key));
}

const char *trace_text(struct trace_fields *fields, const char *key)
{
	return session_text(fields->session, trace_plain(fields, key));
}

const char *trace_optional(struct trace_fields *fields, const char *key)
{
	return json_object_get(fields->object, key) ? trace_plain(fields, key)
						    : NULL;
}

int trace_choice(struct trace_fields *fields, const char *key, int count,
		 const char *(*name)(int value))
{
	const char *word = trace_word(fields, key);

	if (fields->wrong)
		return 0;
	for (int i = 0; i < count; i++) {
		if (strcmp(name(i), word) == 0)
			return i;
	}
	trace_wrong(fields, "`%s` has the unknown value `%.40s`", key, word);
	return 0;
}

/* False when it is no address. */
static bool parse_address(const char *word, struct address *address)
{
	const char *colon = strrchr(word, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t length = colon ? (size_t)(colon - word) : 0;
	unsigned long port;

	if (length == 0 || length >= sizeof(host) ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    colon[1] == '\0')
		return false;
	port = strtoul(colon + 1, NULL, 10);
	if (port > UINT16_MAX)
		return false;
	address->port = (uint16_t)port;
	memcpy(host, word, length);
	host[length] = '\0';
	if (host[0] != '[') {
		address->family = AF_INET;
		return inet_pton(AF_INET, host, address->bytes) == 1;
	}
	if (host[length - 1] != ']')
		return false;
	host[length - 1] = '\0';
	address->family = AF_INET6;
	return inet_pton(AF_INET6, host + 1, address->bytes) == 1;
}

struct address trace_address(struct trace_fields *fields, const char *key)
{
	const char *word = trace_word(fields, key);
	struct address address = { .family = 0 };

	if (fields->wrong || strcmp(word, "-") == 0)
		return address;
	if (!parse_address(word, &address)) {
		trace_wrong(fields, "`%s` is no address", key);
		return (struct address){ .family = 0 };
	}
	return address;
}

json_t *trace_array(struct trace_fields *fields, const char *key, size_t most)
{
	json_t *value = get(fields, key);

	if (!value)
		return NULL;
	if (!json_is_array(value)) {
		trace_wrong(fields, "`%s` is no array", key);
		return NULL;
	}
	if (json_array_size(value) > most) {
		trace_wrong(fields, "`%s` has too many elements", key);
		return NULL;
	}
	return value;
}

struct process *trace_process(struct trace_fields *fields, const char *key,
			      bool may_be_none)
{
	uint32_t number =
		(uint32_t)trace_number(fields, key, !may_be_none, UINT32_MAX);
	struct process *process = session_process(fields->session, number);

	if (number != 0 && !process)
		trace_wrong(fields, "process %u has not begun", number);
	return process;
}
