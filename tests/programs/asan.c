/* build: -fsanitize=address */
/* A host with gcc's AddressSanitizer: its runtime has to come first. */
#include "pair.h"

int main(void)
{
	struct pair pair = make_pair();
	char *memory = malloc(10);

	CHECK(write(pair.client, "x", 1) == 1);
	CHECK(read(pair.server, memory, 1) == 1);
	CHECK(close(pair.client) == 0);
	CHECK(read(pair.server, memory, 1) == 0);
	free(memory);
	tell("expect", "ESTABLISHED -> CLOSE_WAIT: read() = 0, the peer has "
		       "closed");
	return 0;
}
