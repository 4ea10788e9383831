/* The ring: what goes in comes out, and nothing in the mapping is believed. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring/append.h"
#include "ring/read.h"

enum { SLOTS = 64, RUN = 0x1234 };

static struct ring_reader reader;
static struct ring_record record;
static int ring_fd;

static void open_ring(void)
{
	ring_fd = ring_create(&reader, SLOTS, RUN);
	cr_assert_geq(ring_fd, 0);
}

static void close_ring(void)
{
	ring_destroy(&reader);
	close(ring_fd);
}

TestSuite(ring, .init = open_ring, .fini = close_ring);

/* By a program of the run: the next access of all others would be a SIGBUS. */
Test(ring, cannot_be_cut_short)
{
	cr_expect_eq(ftruncate(ring_fd, 0), -1);
	cr_expect_eq(ftruncate(ring_fd, (off_t)reader.size - 1), -1);
	cr_expect_eq(ftruncate(ring_fd, (off_t)reader.size + 1), -1);
}

static bool append_text(const char *text)
{
	struct ring_part part = { text, strlen(text) + 1 };

	return ring_append(reader.ring, SLOTS, RING_MESSAGE, &part, 1);
}

static struct ring_slot *slot(unsigned int number)
{
	return (struct ring_slot *)((char *)reader.ring + RING_SLOTS_AT) +
	       number % SLOTS;
}

Test(ring, what_is_appended_is_read_in_order)
{
	cr_assert(append_text("one"));
	cr_assert(append_text("two"));
	cr_assert(ring_read(&reader, &record, false));
	cr_expect_eq(record.kind, RING_MESSAGE);
	cr_expect_str_eq((char *)record.bytes, "one");
	cr_assert(ring_read(&reader, &record, false));
	cr_expect_str_eq((char *)record.bytes, "two");
	cr_expect_not(ring_read(&reader, &record, false));
}

Test(ring, parts_and_long_records_span_slots)
{
	char text[1000];
	struct ring_part parts[] = { { "ab", 2 }, { text, sizeof(text) } };

	memset(text, 'x', sizeof(text));
	text[999] = 'y';
	cr_assert(ring_append(reader.ring, SLOTS, RING_STACK, parts, 2));
	cr_assert(ring_read(&reader, &record, false));
	cr_expect_eq(record.kind, RING_STACK);
	cr_expect_eq(memcmp(record.bytes, "ab", 2), 0);
	cr_expect_eq(memcmp(record.bytes + 2, text, sizeof(text)), 0);
	cr_expect_eq(record.size % RING_PAYLOAD, 0);
}

Test(ring, two_slots_are_filled_by_one_record)
{
	char bytes[2 * RING_PAYLOAD];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i + 1);
	cr_assert(append_text("before"));
	cr_assert(ring_append_two(reader.ring, SLOTS, RING_WALK, bytes));
	cr_assert(append_text("after"));
	cr_assert(ring_read(&reader, &record, false));
	cr_assert(ring_read(&reader, &record, false));
	cr_expect_eq(record.kind, RING_WALK);
	cr_expect_eq(record.size, sizeof(bytes));
	cr_expect_eq(memcmp(record.bytes, bytes, sizeof(bytes)), 0);
	cr_assert(ring_read(&reader, &record, false));
	cr_expect_str_eq((char *)record.bytes, "after");
	while (ring_append_two(reader.ring, SLOTS, RING_WALK, bytes))
		continue;
	cr_expect_eq(ring_lost(&reader), 1);
}

/*
 * A writer that stood still between its two looks: others have written since,
 * and the reader has freed more than it thinks there is.
 */
Test(ring, is_not_full_when_the_reader_is_ahead)
{
	atomic_store(&reader.ring->freed, 10);
	cr_expect(append_text("late"));
	cr_expect_eq(ring_lost(&reader), 0);
}

Test(ring, it_goes_round_many_times)
{
	for (int i = 0; i < 10 * SLOTS; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%d", i);
		cr_assert(append_text(text));
		cr_assert(ring_read(&reader, &record, false));
		cr_expect_str_eq((char *)record.bytes, text);
	}
	cr_expect_eq(ring_lost(&reader), 0);
	cr_expect_eq(reader.holes, 0);
}

Test(ring, full_means_counted_and_never_blocked)
{
	for (int i = 0; i < SLOTS; i++)
		cr_assert(append_text("x"));
	cr_expect_not(append_text("no room"));
	cr_expect_not(append_text("no room"));
	cr_expect_eq(ring_lost(&reader), 2);
	for (int i = 0; i < SLOTS; i++)
		cr_assert(ring_read(&reader, &record, false));
	cr_expect(append_text("room again"));
	cr_expect(ring_read(&reader, &record, false));
	cr_expect_str_eq((char *)record.bytes, "room again");
}

/* A writer that was killed between reserving and publishing. */
Test(ring, hole_is_waited_for_then_skipped_and_counted)
{
	atomic_fetch_add(&reader.ring->reserved, 3);
	cr_assert(append_text("behind the hole"));
	cr_expect_not(ring_read(&reader, &record, false));
	cr_expect(ring_end(&reader) > reader.next);
	cr_expect(ring_read(&reader, &record, true));
	cr_expect_str_eq((char *)record.bytes, "behind the hole");
	cr_expect_eq(reader.holes, 1);
}

/* The word of a slot that holds a one-slot record, and what it may be not. */
Test(ring, words_that_lie_are_holes)
{
	static const struct {
		unsigned int ahead; /* of its own number */
		unsigned int index;
		unsigned int count;
	} lies[] = {
		{ 0, 0, 255 }, /* past the end */
		{ 0, 0, 0 },
		{ 0, 1, 2 }, /* not the first slot */
		{ 7, 0, 1 }, /* another slot's number */
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint64_t number = reader.next;
		uint64_t holes = reader.holes;

		cr_assert(append_text("x"));
		atomic_store(&slot((unsigned int)number)->word,
			     ring_word(number + lies[i].ahead, RING_MESSAGE,
				       lies[i].index, lies[i].count));
		cr_expect_not(ring_read(&reader, &record, true), "lie %zu", i);
		cr_expect_eq(reader.holes, holes + 1, "lie %zu", i);
	}
}

Test(ring, kinds_that_do_not_exist_are_holes)
{
	struct ring_part part = { "x", 2 };

	cr_assert(ring_append(reader.ring, SLOTS, RING_KIND_COUNT, &part, 1));
	cr_assert(append_text("next"));
	cr_assert(ring_read(&reader, &record, false));
	cr_expect_str_eq((char *)record.bytes, "next");
	cr_expect_eq(reader.holes, 1);
}

Test(ring, header_that_lies_is_not_followed)
{
	cr_assert(append_text("x"));
	atomic_store(&reader.ring->reserved, UINT64_MAX);
	cr_expect_not(ring_read(&reader, &record, true));
	atomic_store(&reader.ring->reserved, 0);
	reader.ring->slot_count = 1u << 31;
	cr_expect_not(ring_read(&reader, &record, true));
	reader.ring->slot_count = SLOTS;
	atomic_store(&reader.ring->reserved, 1);
	cr_expect(ring_read(&reader, &record, true));
}

/* By a program of the run that has fewer rights than the one that appends. */
Test(ring, header_that_lies_takes_no_writer_out_of_the_ring)
{
	enum { FAR = 1 << 26 };

	reader.ring->slot_count = 1u << 31;
	atomic_store(&reader.ring->reserved, FAR);
	atomic_store(&reader.ring->freed, FAR);
	cr_assert(append_text("x"));
	cr_expect_eq(atomic_load(&slot(FAR)->word),
		     ring_word(FAR, RING_MESSAGE, 0, 1));
}

Test(ring, ring_of_another_run_or_build_does_not_fit)
{
	size_t size = RING_SLOTS_AT + SLOTS * sizeof(struct ring_slot);

	cr_expect_eq(ring_slots(reader.ring, size, RUN), SLOTS);
	cr_expect_not(ring_slots(reader.ring, size, RUN + 1));
	cr_expect_not(ring_slots(reader.ring, size - 1, RUN));
	reader.ring->tables++;
	cr_expect_not(ring_slots(reader.ring, size, RUN));
	reader.ring->tables--;
	reader.ring->slot_count = 0;
	cr_expect_not(ring_slots(reader.ring, size, RUN));
}

enum { WRITERS = 4, RECORDS = 20000 };

static void *write_many(void *argument)
{
	uint64_t who = (uint64_t)(uintptr_t)argument;

	for (uint64_t i = 0; i < RECORDS;) {
		/* A pattern that shows when two records were mixed. */
		uint64_t words[20];
		struct ring_part part = { words, sizeof(words) };

		for (int j = 0; j < 20; j++)
			words[j] = who << 32 | i;
		if (ring_append(reader.ring, SLOTS, RING_MESSAGE, &part, 1))
			i++;
	}
	return NULL;
}

Test(ring, records_of_many_writers_are_whole_and_in_their_order)
{
	pthread_t threads[WRITERS];
	uint64_t next[WRITERS] = { 0 };
	uint64_t total = 0;

	for (uintptr_t i = 0; i < WRITERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, write_many,
					    (void *)i),
			     0);
	while (total < WRITERS * RECORDS) {
		const uint64_t *words = (const void *)record.bytes;
		uint64_t who;

		if (!ring_read(&reader, &record, false))
			continue;
		who = words[0] >> 32;
		cr_assert_lt(who, WRITERS);
		for (int j = 1; j < 20; j++)
			cr_assert_eq(words[j], words[0]);
		cr_assert_eq(words[0] & 0xffffffff, next[who]);
		next[who]++;
		total++;
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	cr_expect_eq(reader.holes, 0);
}
