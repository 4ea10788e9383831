/*
 * quiet CALLS COUNT: sends COUNT bytes over a connection, one by one, each by
 * the calls of that name. Nothing else happens meanwhile.
 */
#include <sys/uio.h>

#include "pair.h"

static struct pair pair;
static char byte = 'x';
static struct iovec part = { .iov_base = &byte, .iov_len = 1 };
static struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

static void write_read(void)
{
	CHECK(write(pair.client, &byte, 1) == 1);
	CHECK(read(pair.server, &byte, 1) == 1);
}

static void send_recv(void)
{
	CHECK(send(pair.client, &byte, 1, 0) == 1);
	CHECK(recv(pair.server, &byte, 1, 0) == 1);
}

static void send_without_signal(void)
{
	CHECK(send(pair.client, &byte, 1, MSG_NOSIGNAL) == 1);
	CHECK(recv(pair.server, &byte, 1, MSG_DONTWAIT) == 1);
	CHECK(recv(pair.server, &byte, 1, MSG_DONTWAIT) == -1);
}

static void writev_readv(void)
{
	CHECK(writev(pair.client, &part, 1) == 1);
	CHECK(readv(pair.server, &part, 1) == 1);
}

static void sendmsg_recvmsg(void)
{
	CHECK(sendmsg(pair.client, &message, 0) == 1);
	CHECK(recvmsg(pair.server, &message, 0) == 1);
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario exchanges[] = {
	S(write_read),   S(send_recv),       S(send_without_signal),
	S(writev_readv), S(sendmsg_recvmsg),
};

int main(int argc, char **argv)
{
	if (argc > 2)
		pair = make_pair();
	for (int i = argc > 2 ? atoi(argv[2]) : 1; i > 0; i--) {
		if (run_scenario(exchanges, SCENARIO_COUNT(exchanges),
				 argc > 2 ? 2 : argc, argv) != 0)
			return 4;
	}
	return 0;
}
