/* The intake: a ring that fills is emptied before its records are looked at. */
#include "command/intake.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ring/append.h"

enum { SLOTS = 64 };

static struct intake intake;
static int ring_fd;

static void begin(void)
{
	ring_fd = ring_create(&intake.ring, SLOTS, 1);
	cr_assert_geq(ring_fd, 0);
	intake_begin(&intake);
}

static void end(void)
{
	intake_end(&intake);
	ring_destroy(&intake.ring);
	close(ring_fd);
}

TestSuite(intake, .init = begin, .fini = end);

static bool append(int number)
{
	char text[16];
	struct ring_part part = { text, sizeof(text) };

	snprintf(text, sizeof(text), "%d", number);
	return ring_append(intake.ring.ring, SLOTS, RING_MESSAGE, &part, 1);
}

static bool next_is(int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	return intake_next(&intake, ring_end(&intake.ring), false) &&
	       intake.record.kind == RING_MESSAGE &&
	       intake.record.size == RING_PAYLOAD &&
	       strcmp((char *)intake.record.bytes, text) == 0;
}

/* Each look is slower than the writer: it writes four for one that is read. */
Test(intake, slow_reader_loses_nothing)
{
	enum { LOOKS = 1000 };
	int written = 0;
	int read = 0;

	for (int i = 0; i < LOOKS; i++) {
		for (int j = 0; j < 4; j++)
			cr_assert(append(written++), "lost after %d", written);
		cr_assert(next_is(read++), "%d", read);
	}
	while (read < written)
		cr_assert(next_is(read++), "%d", read);
	cr_expect_not(intake_next(&intake, ring_end(&intake.ring), true));
	cr_expect_not(intake_is_behind(&intake));
	cr_expect_eq(ring_lost(&intake.ring), 0);
	cr_expect_eq(intake.saved, 0);
}

Test(intake, what_came_after_the_end_is_left_for_the_next_time)
{
	uint64_t end_before;

	for (int i = 0; i < 10; i++)
		cr_assert(append(i));
	end_before = ring_end(&intake.ring);
	for (int i = 10; i < 40; i++)
		cr_assert(append(i));
	for (int i = 0; i < 10; i++)
		cr_assert(intake_next(&intake, end_before, false));
	cr_expect_str_eq((char *)intake.record.bytes, "9");
	cr_expect_not(intake_next(&intake, end_before, false));
	cr_expect(intake_is_behind(&intake));
	cr_expect(next_is(10));
}

Test(intake, hole_is_waited_for_behind_what_was_copied)
{
	for (int i = 0; i < 20; i++)
		cr_assert(append(i));
	atomic_fetch_add(&intake.ring.ring->reserved, 1);
	cr_assert(append(20));
	for (int i = 0; i < 20; i++)
		cr_assert(next_is(i));
	cr_expect_not(intake_next(&intake, ring_end(&intake.ring), false));
	cr_expect(intake_next(&intake, ring_end(&intake.ring), true));
	cr_expect_str_eq((char *)intake.record.bytes, "20");
	cr_expect_eq(intake.ring.holes, 1);
}
