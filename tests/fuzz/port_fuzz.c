/*
 * The input is what `tcpshadow port` is asked for. What it takes for an address
 * is one when it is written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "command/port.h"
#include "fuzz/fuzz.h"

/* Interfaces come and go; the scope is a number of the kernel's. */
static bool is_same(const struct port_request *one,
		    const struct port_request *two)
{
	return one->any == two->any &&
	       memcmp(&one->address, &two->address, sizeof(one->address)) == 0;
}

static void write_again(const struct port_request *request)
{
	struct port_request again;
	char space[128];
	struct text text;
	char *wrong;

	text_begin(&text, space, sizeof(space));
	if (request->any)
		text_add_number(&text, request->address.port);
	else
		text_add_address(&text, &request->address);
	wrong = port_parse(space, &again);
	if (wrong || !is_same(request, &again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct port_request request;
	char *text = malloc(size + 1);
	char *wrong;

	if (!text)
		return 0;
	memcpy(text, bytes, size);
	text[size] = '\0';
	wrong = port_parse(text, &request);
	if (!wrong)
		write_again(&request);
	free(wrong);
	free(text);
	return 0;
}
