/*
 * Findings at many places: places ROUNDS DEPTH. A place is a stack, of DEPTH
 * calls that each come from one of two lines: 2^DEPTH places, every one found
 * ROUNDS times. Prints how many findings the library has counted.
 */
#include "pair.h"

#include <tcpshadow.h>

static int refused_port;

static void be_refused(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect_to(fd, refused_port) == -1 && errno == ECONNREFUSED);
	CHECK(close(fd) == 0);
}

/* The second call is no tail call. */
static int descend(int depth, unsigned int way)
{
	int deeper;

	if (depth == 0) {
		be_refused();
		return 1;
	}
	if (way & 1)
		deeper = descend(depth - 1, way >> 1) + 1;
	else
		deeper = descend(depth - 1, way >> 1) + 2;
	return deeper;
}

int main(int argc, char **argv)
{
	int rounds = argc == 3 ? atoi(argv[1]) : 1;
	int depth = argc == 3 ? atoi(argv[2]) : 1;
	int fd = listener_on(0);

	refused_port = port_of(fd);
	CHECK(close(fd) == 0);
	for (int i = 0; i < rounds; i++) {
		for (unsigned int way = 0; way < 1U << depth; way++)
			CHECK(descend(depth, way) > 0);
	}
	printf("%d\n", tcpshadow_findings(0, "connect-refused"));
	return 0;
}
