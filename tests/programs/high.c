/* build: -pthread */
/* Descriptors of 65536 and above, which the library keeps apart. */
#include "torture.h"

enum { CHUNK = 65536, HIGH = CHUNK + 5, HIGHER = 3 * CHUNK - 1 };

/* It is at its number alone now, and all its life is seen there. */
static void use(const struct pair *pair, int fd)
{
	struct pair moved = { .client = fd, .server = pair->server };
	char byte;

	exchange(&moved, 1);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair->client);
	SHOW(shutdown(pair->server, SHUT_WR));
	SHOW(read(fd, &byte, 1));
	SHOW(close(fd));
	tell("path", "%d ESTABLISHED>CLOSE_WAIT>LAST_ACK>CLOSED", fd);
}

static void a_socket_is_moved_by_dup2(void)
{
	struct pair pair = make_pair();

	need_descriptors(HIGHER + 100);
	SHOW(dup2(pair.client, HIGH));
	SHOW(close(pair.client));
	use(&pair, HIGH);
}

static void a_socket_is_moved_by_fcntl(void)
{
	struct pair pair = make_pair();

	need_descriptors(HIGHER + 100);
	SHOW(fcntl(pair.client, F_DUPFD, HIGHER));
	SHOW(close(pair.client));
	use(&pair, HIGHER);
}

static void ranges_are_closed(void)
{
	struct pair pairs[] = { make_pair(), make_pair() };

	need_descriptors(HIGHER + 100);
	SHOW(dup2(pairs[0].client, HIGH));
	SHOW(dup2(pairs[1].client, HIGHER));
	SHOW(close(pairs[0].client));
	SHOW(close(pairs[1].client));
	SHOW(close_range(HIGH + 1, HIGHER - 1, 0));
	CHECK(kernel_state(pairs[0].server) == TCP_ESTABLISHED);
	SHOW(close_range(100, HIGH, 0));
	wait_state(pairs[0].server, TCP_CLOSE_WAIT);
	CHECK(kernel_state(pairs[1].server) == TCP_ESTABLISHED);
	SHOW(close_range(HIGHER, ~0U, 0));
	wait_state(pairs[1].server, TCP_CLOSE_WAIT);
	tell("expect", "fd %d ", HIGH);
	tell("expect", "fd %d ", HIGHER);
	tell("expect",
	     "ESTABLISHED -> FIN_WAIT_1: close_range() = 0, FIN sent");
}

static void a_number_is_used_after_its_close(void)
{
	struct pair pair = make_pair();

	need_descriptors(HIGHER + 100);
	SHOW(dup2(pair.client, HIGH));
	SHOW(close(pair.client));
	SHOW(close(HIGH));
	SHOW(write(HIGH, "x", 1));
	SHOW(close(HIGH));
	SHOW(close(HIGH + 1));
	tell("expect", "write() of fd %d, a socket that has been closed", HIGH);
	tell("findings", "1 use-after-close");
	tell("findings", "1 double-close");
}

/* Not a page more: no room to follow it there. */
static void there_is_no_memory(void)
{
	struct rlimit little = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct pair pair = make_pair();
	struct pair moved = { .client = HIGH, .server = pair.server };

	need_descriptors(HIGHER + 100);
	CHECK(dup2(0, HIGH) == HIGH);
	CHECK(setrlimit(RLIMIT_AS, &little) == 0);
	SHOW(dup2(pair.client, HIGH));
	exchange(&pair, 1);
	SHOW(close(pair.client));
	exchange(&moved, 2);
	SHOW(close(HIGH));
	SHOW(close(HIGH));
	SHOW(read(pair.server, &(char){ 0 }, 1));
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
	tell("expect", "1 times there was no memory to follow a socket");
	tell("findings", "0 double-close");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(a_socket_is_moved_by_dup2), S(a_socket_is_moved_by_fcntl),
	S(ranges_are_closed),         S(a_number_is_used_after_its_close),
	S(there_is_no_memory),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
