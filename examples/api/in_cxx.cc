/*
 * The same in C++: a guard that fails the test in whose scope something was
 * found. `in_cxx careless` tests a server that does not look before it writes.
 */
#include <string_view>
#include <tcpshadow.h>

#include "../net.h"

class quiet {
public:
	explicit quiet(const char *test) : mark(tcpshadow_mark(test))
	{
	}

	int findings() const
	{
		return tcpshadow_findings(mark, "warning");
	}

private:
	int mark;
};

/* Is the socket in this state, as far as anybody can tell? */
static bool is_in(int fd, std::string_view state)
{
	return !tcpshadow_active() || tcpshadow_kernel(fd) == state;
}

static void serve(int fd, bool careless)
{
	char request[16];

	while (read(fd, request, sizeof(request)) > 0)
		;
	if (careless)
		check(write(fd, "answer", 6) == 6, "write");
}

int main(int argc, char **argv)
{
	bool careless = argc > 1 && std::string_view(argv[1]) == "careless";
	int listener = local_listener(1);
	int client = local_client(listener);
	int server = local_accept(listener);
	quiet test("a client that hangs up");

	signal(SIGPIPE, SIG_IGN);
	tcpshadow_name(server, "server end");
	check(is_in(server, "ESTABLISHED"), "state");
	close(client);
	await(server, POLLRDHUP);
	check(is_in(server, "CLOSE_WAIT"), "state");
	serve(server, careless);
	close(server);
	close(listener);
	printf("%s, %d findings\n",
	       tcpshadow_active() ? "watched" : "not watched",
	       test.findings());
	return test.findings() > 0;
}
