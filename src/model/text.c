#include "model/text.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

static const char digits[] = "0123456789abcdef";

void text_begin(struct text *text, char *buffer, size_t size)
{
	text->buffer = buffer;
	text->size = size;
	text->length = 0;
	buffer[0] = '\0';
}

void text_add_bytes(struct text *text, const char *bytes, size_t count)
{
	size_t room = text->size - text->length - 1;

	if (count > room)
		count = room;
	memcpy(text->buffer + text->length, bytes, count);
	text->length += count;
	text->buffer[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

static void add_unsigned(struct text *text, unsigned long long number,
			 unsigned int base)
{
	char reversed[24];
	size_t at = sizeof(reversed);

	do {
		reversed[--at] = digits[number % base];
		number /= base;
	} while (number > 0);
	text_add_bytes(text, reversed + at, sizeof(reversed) - at);
}

void text_add_number(struct text *text, long long number)
{
	if (number < 0)
		text_add(text, "-");
	add_unsigned(text,
		     number < 0 ? 0 - (unsigned long long)number
				: (unsigned long long)number,
		     10);
}

void text_add_hex(struct text *text, unsigned long long number)
{
	text_add(text, "0x");
	add_unsigned(text, number, 16);
}

void text_add_foreign(struct text *text, const char *string)
{
	for (; *string; string++) {
		unsigned char byte = (unsigned char)*string;

		if (byte >= ' ' && byte < 0x7f && byte != '\\') {
			text_add_bytes(text, string, 1);
			continue;
		}
		text_add(text, "\\x");
		text_add_bytes(text, &digits[byte >> 4], 1);
		text_add_bytes(text, &digits[byte & 15], 1);
	}
}

static void add_ipv4(struct text *text, const uint8_t *bytes)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			text_add(text, ".");
		text_add_number(text, bytes[i]);
	}
}

/* RFC 5952: the longest run of at least two zero groups becomes `::`. */
static void add_ipv6(struct text *text, const uint8_t *bytes)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned int groups[8];
	int best = -1;
	int best_length = 1;

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		text_add(text, "::ffff:");
		add_ipv4(text, bytes + sizeof(mapped));
		return;
	}
	for (int i = 0; i < 8; i++)
		groups[i] = (unsigned int)bytes[2 * i] << 8 | bytes[2 * i + 1];
	for (int i = 0; i < 8; i++) {
		int length = 0;

		while (i + length < 8 && groups[i + length] == 0)
			length++;
		if (length > best_length) {
			best = i;
			best_length = length;
		}
	}
	for (int i = 0; i < 8;) {
		if (i == best) {
			text_add(text, "::");
			i += best_length;
			continue;
		}
		if (i > 0 && i != best + best_length)
			text_add(text, ":");
		add_unsigned(text, groups[i], 16);
		i++;
	}
}

void text_add_address(struct text *text, const struct address *address)
{
	if (address->family == AF_INET) {
		add_ipv4(text, address->bytes);
	} else if (address->family == AF_INET6) {
		text_add(text, "[");
		add_ipv6(text, address->bytes);
		text_add(text, "]");
	} else {
		text_add(text, "-");
		return;
	}
	text_add(text, ":");
	text_add_number(text, address->port);
}

const char *text_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

long text_number(const char *text)
{
	long number = 0;

	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (*text - '0');
	return number;
}
