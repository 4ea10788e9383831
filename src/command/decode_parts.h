/*
 * The parts of a record, and what is told of sockets: the inside of decode.
 *
 * Used by: decode.c and decode_socket.c, and nobody else.
 */
#ifndef COMMAND_DECODE_PARTS_H
#define COMMAND_DECODE_PARTS_H

#include <string.h>
#include <sys/socket.h>

#include "command/decode.h"

/* The text parts behind a record's fixed part. */
struct cursor {
	const char *at;
	const char *end;
};

/* The record as its type, if it is long enough; the text behind it. */
static inline const void *fixed_part(const struct ring_record *record,
				     size_t size, struct cursor *rest)
{
	if (record->size < size)
		return NULL;
	rest->at = (const char *)record->bytes + size;
	rest->end = (const char *)record->bytes + record->size;
	return record->bytes;
}

/* ring_read has put a NUL behind the record. */
static inline const char *next_text(struct cursor *cursor)
{
	const char *text = cursor->at;

	if (text >= cursor->end)
		return "";
	cursor->at += strlen(text) + 1;
	return text;
}

static inline bool is_bad_address(const struct address *address)
{
	return address->family != 0 && address->family != AF_INET &&
	       address->family != AF_INET6;
}

/* Only what its family has: the rest would make equal addresses differ. */
static inline struct address clean_address(const struct address *told)
{
	struct address address = { .family = told->family };

	if (told->family == 0)
		return address;
	address.port = told->port;
	memcpy(address.bytes, told->bytes, told->family == AF_INET ? 4 : 16);
	return address;
}

static inline struct process *sender(struct decoder *decoder,
				     const struct ring_head *head)
{
	return session_process(decoder->session, head->process);
}

/* Each is false when the record makes no sense. */
bool decode_walk(struct decoder *decoder, const struct ring_record *record);
bool decode_closed(struct decoder *decoder, const struct ring_record *record);
bool decode_released(struct decoder *decoder, const struct ring_record *record);
bool decode_inherited(struct decoder *decoder,
		      const struct ring_record *record);
bool decode_unread(struct decoder *decoder, const struct ring_record *record);
bool decode_counters(struct decoder *decoder, const struct ring_record *record);
bool decode_name(struct decoder *decoder, const struct ring_record *record);

#endif
