/*
 * The input is a trace. What is understood of it is written as a trace again;
 * that one, read and written, must come out as it went in.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/again.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size_t written = 0;
	char *text = read_and_write(bytes, size, &written);

	if (text)
		check_again(text, written);
	free(text);
	return 0;
}
