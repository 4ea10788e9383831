#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/port.h"
#include "command/say.h"

static char *complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static char *complain(const char *format, ...)
{
	char *sentence = NULL;
	va_list list;

	va_start(list, format);
	if (vasprintf(&sentence, format, list) < 0)
		sentence = NULL;
	va_end(list);
	return need_memory(sentence);
}

static char *parse_port(const char *text, uint16_t *port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number;

	if (digits == 0 || text[digits] != '\0')
		return complain("`%s` is no port: a number from 1 to 65535 is "
				"wanted",
				text);
	/* Saturates: too many digits are too large a number. */
	number = strtoul(text, NULL, 10);
	if (number == 0)
		return complain("port 0 cannot be held: it asks the kernel to "
				"choose one");
	if (number > 65535)
		return complain("`%s` is no port: the highest is 65535", text);
	*port = (uint16_t)number;
	return NULL;
}

static char *parse_ipv4(const char *text, struct address *address)
{
	address->family = AF_INET;
	if (inet_pton(AF_INET, text, address->bytes) == 1)
		return NULL;
	if (strchr(text, ':'))
		return complain("an IPv6 address is written in brackets, as in "
				"[::1]:5188");
	return complain("`%s` is no IPv4 address: write one in numbers, as in "
			"127.0.0.1:5188",
			text);
}

/* With %NAME of an interface where a link-local address needs one. */
static char *parse_ipv6(char *text, struct address *address, uint32_t *scope)
{
	char *percent = strchr(text, '%');

	if (percent) {
		*percent++ = '\0';
		*scope = if_nametoindex(percent);
		if (*scope == 0)
			return complain("there is no interface `%s`", percent);
	}
	address->family = AF_INET6;
	if (inet_pton(AF_INET6, text, address->bytes) == 1)
		return NULL;
	return complain("`%s` is no IPv6 address", text);
}

/* `text` is written to. */
static char *parse(char *text, struct port_request *request)
{
	struct address *address = &request->address;
	char *colon = strrchr(text, ':');
	char *end = strchr(text, ']');
	char *wrong;

	request->any = !colon || (colon == text + 1 && text[0] == '*');
	if (request->any)
		return parse_port(colon ? colon + 1 : text, &address->port);
	if (text[0] != '[') {
		*colon = '\0';
		wrong = parse_ipv4(text, address);
		return wrong ? wrong : parse_port(colon + 1, &address->port);
	}
	if (!end || end[1] != ':')
		return complain("`%s` lacks a port: write [ADDRESS]:PORT",
				text);
	*end = '\0';
	wrong = parse_ipv6(text + 1, address, &request->scope);
	return wrong ? wrong : parse_port(end + 2, &address->port);
}

char *port_parse(const char *text, struct port_request *request)
{
	char *copy = need_memory(strdup(text));
	char *wrong;

	*request = (struct port_request){ 0 };
	wrong = parse(copy, request);
	free(copy);
	return wrong;
}
