/* build: -pthread */
/*
 * accept() tells the peer's address in many ways: whole, cut, not at all, to a
 * pointer that leads nowhere. The program sees the same, and the log has it
 * right. What it prints is compared with a run without the library.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "isolated.h"

enum { ROOM = 64, PORT = 7000 };

static int listener;

/* In a network of its own the ports are the same in both runs. */
static void begin(void)
{
	isolate();
	listener = listener_on(PORT);
}

static int next_client(void)
{
	static int port = PORT;
	struct sockaddr_in from = loopback(++port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
	CHECK(connect_to(fd, PORT) == 0);
	return fd;
}

static void show(int result, const unsigned char *bytes, socklen_t length)
{
	printf("result %d errno %d length %u:", result < 0 ? -1 : 0,
	       result < 0 ? errno : 0, length);
	for (int i = 0; i < ROOM; i++)
		printf(" %02x", bytes[i]);
	printf("\n");
}

static void tell_of(int client, int server)
{
	tell("expect", "fd %d 127.0.0.1:%d <- 127.0.0.1:%d LISTEN", server,
	     PORT, port_of(client));
}

static void accept_into(unsigned char *bytes, socklen_t *length)
{
	int client = next_client();
	int server = accept(listener, (struct sockaddr *)bytes, length);

	CHECK(server >= 0);
	show(server, bytes, *length);
	tell_of(client, server);
}

static void every_size(void)
{
	for (socklen_t size = 0; size <= 32; size++) {
		unsigned char bytes[ROOM];
		socklen_t length = size;

		memset(bytes, 0xaa, sizeof(bytes));
		accept_into(bytes, &length);
	}
}

static void room_of_every_size(void)
{
	begin();
	every_size();
}

static void room_elsewhere(void)
{
	unsigned char *bytes = malloc(ROOM);
	socklen_t *length = malloc(sizeof(*length));

	begin();
	memset(bytes, 0xaa, ROOM);
	*length = ROOM;
	accept_into(bytes, length);
	free(bytes);
	free(length);
}

static void room_nowhere(void)
{
	unsigned char bytes[ROOM] = { 0 };
	socklen_t length = ROOM;
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sockaddr *nowhere = (void *)(page + 4096);
	int client;
	int server;

	begin();
	CHECK(munmap(page + 4096, 4096) == 0);
	next_client();
	show(accept(listener, nowhere, &length), bytes, length);
	next_client();
	show(accept(listener, (struct sockaddr *)bytes, (void *)nowhere), bytes,
	     length);
	next_client();
	show(accept(listener, (struct sockaddr *)bytes, NULL), bytes, length);
	length = (socklen_t)-1;
	next_client();
	show(accept(listener, (struct sockaddr *)bytes, &length), bytes,
	     length);
	client = next_client();
	server = accept(listener, NULL, (void *)nowhere);
	CHECK(server >= 0);
	tell_of(client, server);
}

static void *in_thread(void *argument)
{
	/* As deep as it takes to leave the page of the call. */
	unsigned char bytes[3 * 4096];
	socklen_t length = ROOM;

	memset(bytes, 0xaa, sizeof(bytes));
	accept_into(bytes, &length);
	every_size();
	return argument;
}

static void room_in_another_thread(void)
{
	pthread_t thread;

	begin();
	CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(room_of_every_size),
	S(room_elsewhere),
	S(room_nowhere),
	S(room_in_another_thread),
};

int main(int argc, char **argv)
{
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
