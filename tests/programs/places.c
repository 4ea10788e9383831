/*
 * Findings at many places: places ROUNDS DEPTH. A place is a stack, of DEPTH
 * calls that each come from one of two lines: 2^DEPTH places, every one found
 * ROUNDS times. Prints how many findings the library has counted.
 *
 * Without arguments: one place, twice, in a function with a name of 1024 bytes
 * that calls itself.
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

#define TWICE_(name) name##name
#define TWICE(name) TWICE_(name)
#define LONG TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(name_of_16_bytes))))))

int LONG(int fd, int depth);
int LONG(int fd, int depth)
{
	int result = depth > 0 ? LONG(fd, depth - 1) : close(fd);

	CHECK(result == -1 && errno == EBADF);
	return result;
}

int main(int argc, char **argv)
{
	int fd = listener_on(0);
	int rounds;
	int depth;

	refused_port = port_of(fd);
	CHECK(close(fd) == 0);
	if (argc != 3) {
		for (int i = 0; i <= argc; i++)
			CHECK(close(900) == -1 && LONG(fd, 5) == -1);
		CHECK(listen(socket(AF_INET, SOCK_STREAM, 0), 1) == 0);
		return 0;
	}
	rounds = atoi(argv[1]);
	depth = atoi(argv[2]);
	for (int i = 0; i < rounds; i++) {
		for (unsigned int way = 0; way < 1U << depth; way++)
			CHECK(descend(depth, way) > 0);
	}
	printf("%d\n", tcpshadow_findings(0, "connect-refused"));
	return 0;
}
