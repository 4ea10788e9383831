/*
 * The parts of the library that threads share, called as the wrappers call
 * them, from many threads at once: on numbers of their own, and on numbers that
 * others open and close. `make sanitize` runs this under ThreadSanitizer, and
 * under AddressSanitizer with UBSan; the wrappers themselves are left out, they
 * would stand in the runtime's way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ring/append.h"
#include "ring/read.h"
#include "shim/copying.h"
#include "shim/closing.h"
#include "shim/elf.h"
#include "shim/lifecycle.h"
#include "shim/observe.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/scratch.h"
#include "shim/settings.h"
#include "shim/sigpipe.h"
#include "shim/sink.h"
#include "shim/stack.h"
#include "shim/table.h"

enum { WORKERS = 4, ROUNDS = 150, CALLERS = 12 };

/* Return addresses to tell: a few, so that stacks meet. */
static const char places[CALLERS];

static void set_up(void)
{
	signal(SIGPIPE, SIG_IGN);
	settings.log = "/dev/null";
	settings.transitions = true;
	sink_start();
}

#define CHECK(condition)                                                   \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition);                               \
			exit(3);                                           \
		}                                                          \
	} while (0)

/* Run first: the name is asked of the kernel once. */
static void *name_the_program(void *barrier)
{
	const struct link_map *map = elf_module(places);

	pthread_barrier_wait(barrier);
	CHECK(strcmp(elf_module_name(map), "stress") == 0);
	return NULL;
}

static void the_program_has_one_name_for_many_threads(void)
{
	pthread_t threads[WORKERS];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, WORKERS);
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, name_the_program, &barrier);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
}

/* --- as the wrappers do ------------------------------------------------------
 */

static int do_socket(const void *place)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sight sight = sight_of(CALL_socket, fd, place);

	seen_socket(AF_INET, SOCK_STREAM, 0, &sight);
	return fd;
}

static int do_listen(const void *place)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
	int fd = do_socket(place);
	struct sight sight;

	sight = sight_of(CALL_bind,
			 bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 place);
	seen_bind(fd, (struct sockaddr *)&address, sizeof(address), &sight);
	sight = sight_of(CALL_listen, listen(fd, 5), place);
	seen_listen(fd, 5, &sight);
	return fd;
}

static int do_connect(int listener, const void *place)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = do_socket(place);
	struct sight sight;
	int result;

	getsockname(listener, (struct sockaddr *)&address, &length);
	result = connect(fd, (struct sockaddr *)&address, length);
	CHECK(result == 0);
	sight = sight_of(CALL_connect, result, place);
	seen_connect(fd, (struct sockaddr *)&address, length, &sight);
	return fd;
}

static int do_accept(int listener, const void *place)
{
	int fd = accept(listener, NULL, NULL);
	struct sight sight = sight_of(CALL_accept, fd, place);

	seen_accept(listener, NULL, &sight);
	return fd;
}

static ssize_t do_read(int fd, const void *place)
{
	uint64_t entry = table_entry(fd);
	char byte;
	ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
	struct sight sight = sight_of(CALL_read, got, place);

	if (entry & TABLE_GRAVE)
		entry = closing_visit(fd, entry, CALL_read, place);
	if (entry && (got <= 0 || observe_wants_read(entry)))
		observe_read(fd, entry, &sight);
	return got;
}

static ssize_t do_write(int fd, const void *place)
{
	uint64_t ref = table_find(fd);
	ssize_t sent;
	struct sight sight;

	if (ref && !sock_spend(ref) && sigpipe_wants_look(ref, false))
		sigpipe_before_write(fd, ref, CALL_write, false, place);
	sent = send(fd, "x", 1, MSG_NOSIGNAL);
	sight = sight_of(CALL_write, sent, place);
	if (ref && (sent < 0 || observe_wants_read(ref))) {
		observe(fd, ref, &sight);
		sigpipe_write_failed(fd, ref, &sight);
	}
	return sent;
}

static void do_close(int fd, const void *place)
{
	struct sight sight = { .call = CALL_close, .place = place };
	uint64_t ref = closing_begin(fd, &sight);
	int result = close(fd);

	sight = sight_of(CALL_close, result, place);
	closing_end(fd, ref, &sight);
}

static int do_dup(int fd, const void *place)
{
	uint64_t ref = seen_dup_begin(fd);
	int copy = dup(fd);
	struct sight sight = sight_of(CALL_dup, copy, place);

	if (ref)
		seen_dup(fd, ref, &sight);
	return copy;
}

/* --- threads -----------------------------------------------------------------
 */

static atomic_int running;

static void *work(void *number)
{
	unsigned int state = (unsigned int)(long)number + 1;

	for (int i = 0; i < ROUNDS; i++) {
		const void *place = &places[rand_r(&state) % CALLERS];
		int listener = do_listen(place);
		int client = do_connect(listener, place);
		int server = do_accept(listener, place);
		int copy = do_dup(client, place);

		do_write(client, place);
		do_read(server, place);
		do_close(client, place);
		do_close(server, place);
		do_write(copy, place);
		do_write(copy, place);
		do_close(copy, place);
		do_close(listener, place);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/* Uses what others own, and closes nothing. */
static void *meddle(void *number)
{
	unsigned int state = (unsigned int)(long)number + 77;

	while (atomic_load(&running) > 0) {
		const void *place = &places[rand_r(&state) % CALLERS];
		int fd = 3 + (int)(rand_r(&state) % 40);
		struct sight sight = { .call = CALL_getsockopt,
				       .place = place };

		do_read(fd, place);
		seen_other(fd, &sight);
		if (rand_r(&state) % 64 == 0)
			observe_ghosts(CALL_bind, 0);
		if (rand_r(&state) % 64 == 0)
			rule_check_close_wait(CALL_read);
	}
	return NULL;
}

static void sockets_of_many_threads(void)
{
	pthread_t threads[WORKERS + 2];

	atomic_store(&running, WORKERS);
	for (long i = 0; i < WORKERS; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	for (long i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[WORKERS + i], NULL, meddle,
				     (void *)i) == 0);
	for (int i = 0; i < WORKERS + 2; i++)
		pthread_join(threads[i], NULL);
	for (int fd = 3; fd <= table_highest(); fd++)
		CHECK(table_find(fd) == 0);
	process_settle(CALL_NONE);
}

static void *store_stacks(void *number)
{
	long sum = 0;

	for (uintptr_t i = 0; i < 3000; i++) {
		unsigned int count;
		stack_id id = stack_brief((const void *)(0x1000 + i % 500));
		const uintptr_t *frames = stack_frames(id, &count);

		sum += count == 1 && frames[0] == 0x1000 + i % 500;
	}
	(void)number;
	return (void *)sum;
}

static void equal_stacks_of_many_threads_are_one(void)
{
	pthread_t threads[WORKERS];

	for (long i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, store_stacks, (void *)i);
	for (int i = 0; i < WORKERS; i++) {
		void *sum;

		pthread_join(threads[i], &sum);
		CHECK((long)sum == 3000);
	}
	CHECK(stack_brief((void *)0x1001) == stack_brief((void *)0x1001));
	CHECK(stack_brief((void *)0x1001) != stack_brief((void *)0x1002));
}

static void *take_rooms(void *number)
{
	for (int i = 0; i < 20000; i++) {
		struct scratch *scratch = scratch_take();

		if (!scratch)
			continue;
		text_add_number(&scratch->message, (long)number);
		CHECK(scratch->message.length == 1);
		scratch_give(scratch);
	}
	return NULL;
}

static void a_room_belongs_to_one_thread(void)
{
	pthread_t threads[WORKERS];

	for (long i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, take_rooms, (void *)i);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
}

static void no_room_is_left_when_all_are_taken(void)
{
	struct scratch *rooms[64];
	sigset_t before;
	sigset_t after;
	int count = 0;

	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &before) == 0);
	while (count < 64 && (rooms[count] = scratch_take()) != NULL)
		count++;
	CHECK(count > 0 && count < 64);
	while (count > 0)
		scratch_give(rooms[--count]);
	CHECK(scratch_take() == rooms[0]);
	scratch_give(rooms[0]);
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &after) == 0);
	for (int signal = 1; signal < SIGRTMAX; signal++)
		CHECK(sigismember(&before, signal) ==
		      sigismember(&after, signal));
}

enum { CHUNKS = 200, FILLERS = 2 };

static atomic_int arrived;

/* All come to each chunk of the descriptor table at once, and first. */
static void *fill_chunks(void *number)
{
	uint64_t ref = (uint64_t)(long)number + 1;

	for (int i = 1; i <= CHUNKS; i++) {
		bool done;

		atomic_fetch_add(&arrived, 1);
		while (atomic_load(&arrived) < i * FILLERS)
			;
		table_put(i * TABLE_CHUNK + (int)ref, ref, &done);
		CHECK(done);
	}
	return NULL;
}

static void high_numbers_of_many_threads(void)
{
	pthread_t threads[FILLERS];
	bool done;

	CHECK(table_find(TABLE_CHUNK) == 0 && table_find(-1) == 0);
	CHECK(table_put(-1, 1, &done) == 0 && !done);
	CHECK(!table_offer(-1, 1, &done) && !done);
	for (long i = 0; i < FILLERS; i++)
		pthread_create(&threads[i], NULL, fill_chunks, (void *)i);
	for (int i = 0; i < FILLERS; i++)
		pthread_join(threads[i], NULL);
	CHECK(table_highest() == CHUNKS * TABLE_CHUNK + FILLERS);
	for (int i = 1; i <= CHUNKS; i++) {
		for (int ref = 1; ref <= FILLERS; ref++) {
			int fd = i * TABLE_CHUNK + ref;

			CHECK(table_find(fd) == (uint64_t)ref);
			CHECK(table_remove(fd, (uint64_t)ref));
			CHECK(table_find(fd) == 0);
		}
		CHECK(table_find(i * TABLE_CHUNK + TABLE_CHUNK - 1) == 0);
	}
}

enum { RECORDS = 4000 };

static struct ring_reader reader;

static void *append(void *number)
{
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint32_t words[40];
		size_t size = (1 + i % 40) * sizeof(words[0]);
		struct ring_part part = { words, size };

		for (int j = 0; j < 40; j++)
			words[j] = (uint32_t)(long)number << 24 | i;
		while (!ring_append(reader.ring, reader.slot_count,
				    RING_MESSAGE, &part, 1))
			sched_yield();
	}
	return NULL;
}

static void ring_of_many_writers(void)
{
	static struct ring_record record;
	uint32_t next[WORKERS] = { 0 };
	pthread_t threads[WORKERS];
	int fd = ring_create(&reader, 256, 1);
	int total = 0;

	CHECK(fd >= 0);
	for (long i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, append, (void *)i);
	while (total < WORKERS * RECORDS) {
		uint32_t word;

		if (!ring_read(&reader, &record, false)) {
			sched_yield();
			continue;
		}
		memcpy(&word, record.bytes, sizeof(word));
		CHECK(word >> 24 < WORKERS);
		CHECK((word & 0xffffff) == next[word >> 24]);
		for (uint32_t j = 0; j <= next[word >> 24] % 40; j++)
			CHECK(memcmp(record.bytes + j * sizeof(word), &word,
				     sizeof(word)) == 0);
		next[word >> 24]++;
		total++;
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	CHECK(ring_end(&reader) == reader.next);
	ring_destroy(&reader);
	close(fd);
}

int main(void)
{
	set_up();
	the_program_has_one_name_for_many_threads();
	sockets_of_many_threads();
	equal_stacks_of_many_threads_are_one();
	a_room_belongs_to_one_thread();
	no_room_is_left_when_all_are_taken();
	high_numbers_of_many_threads();
	ring_of_many_writers();
	return 0;
}
