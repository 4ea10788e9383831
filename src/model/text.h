/*
 * Text built in a caller's buffer. Where it is used snprintf is forbidden (it
 * may allocate, and takes the locale's lock).
 *
 * Called by: whatever prints from inside the host. Pure, async-signal-safe.
 * Too long a text is cut at the end of the buffer, never past it.
 */
#ifndef MODEL_TEXT_H
#define MODEL_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *buffer;
	size_t size;   /* of buffer, in bytes */
	size_t length; /* used, without the closing NUL */
};

/* An address and port; the port is in host byte order. */
struct address {
	uint8_t bytes[16]; /* IPv4: the first four */
	uint16_t port;
	uint16_t family; /* AF_INET, AF_INET6, or 0: unknown */
};

/* Begins a text in buffer; size must be at least 1. */
void text_begin(struct text *text, char *buffer, size_t size);

void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t count);
void text_add_number(struct text *text, long long number);
void text_add_hex(struct text *text, unsigned long long number);

/*
 * Adds a string from outside: bytes that are not printable ASCII, and the
 * backslash, become \xNN, so that no terminal acts on them.
 */
void text_add_foreign(struct text *text, const char *string);

/* What stands behind the last slash: all, if there is none. */
const char *text_base_name(const char *path);

/* The decimal number that a text begins with, -1 if it begins with none. */
long text_number(const char *text);

/* "127.0.0.1:5188", "[::1]:5188", "-" when the family is unknown. */
void text_add_address(struct text *text, const struct address *address);

#endif
