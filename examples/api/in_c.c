/*
 * A unit test in C that asks the library: is a client that hangs up served as
 * it should be? `in_c careless` tests a server that answers it all the same.
 * Without the library there is nobody to ask, and both pass.
 */
#include <assert.h>
#include <tcpshadow.h>

#include "../net.h"

/* What is tested. */
static void serve(int fd, int careless)
{
	char request[16];
	ssize_t got;

	do
		got = read(fd, request, sizeof(request));
	while (got > 0);
	if (careless)
		check(write(fd, "answer", 6) == 6, "write");
}

int main(int argc, char **argv)
{
	int careless = argc > 1 && strcmp(argv[1], "careless") == 0;
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);
	int findings;
	int mark;

	signal(SIGPIPE, SIG_IGN);
	tcpshadow_name(server, "server end");
	mark = tcpshadow_mark("a client that hangs up");
	close(client);
	await(server, POLLRDHUP);
	if (tcpshadow_active()) {
		assert(strcmp(tcpshadow_kernel(server), "CLOSE_WAIT") == 0);
		assert(strcmp(tcpshadow_expected(server), "ESTABLISHED") == 0);
	}
	serve(server, careless);
	if (tcpshadow_active() && !careless)
		assert(strcmp(tcpshadow_expected(server), "CLOSE_WAIT") == 0);
	close(server);
	close(listener);
	findings = tcpshadow_findings(mark, "warning");
	printf("%s, %d findings\n",
	       tcpshadow_active() ? "watched" : "not watched", findings);
	return findings > 0;
}
