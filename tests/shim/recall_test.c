/* Stacks that are recognised: on words that stand for frames, in a frame. */
#include <criterion/criterion.h>
#include <string.h>

#include "shim/own_stack.c"
#include "shim/recall.c"

enum { WORDS = 64 };

static const char place; /* stands for a return address */

extern void *__libc_stack_end; /* the dynamic loader's */

static void start(void)
{
	own_stack_start(__libc_stack_end);
}

TestSuite(recall, .init = start);

/* Return addresses in every fourth word. */
static struct recall_trace make_trace(const uintptr_t *words,
				      unsigned int count)
{
	struct recall_trace trace = { .base = words };

	for (unsigned int i = 0; i < count; i++)
		recall_add(&trace, words[4 * i + 1], &words[4 * i + 1], 0,
			   NULL);
	return trace;
}

static void fill_words(uintptr_t *words)
{
	for (int i = 0; i < WORDS; i++)
		words[i] = 0x1000 + (uintptr_t)i;
}

Test(recall, a_stack_is_known_again)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = make_trace(words, 10);
	cr_expect_eq(recall_find(&place, words), 0);
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 7);
}

Test(recall, another_caller_is_another_stack)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = make_trace(words, 10);
	recall_put(&place, &trace, 7);
	for (unsigned int i = 0; i < 10; i++) {
		words[4 * i + 1]++;
		cr_expect_eq(recall_find(&place, words), 0, "frame %u", i);
		words[4 * i + 1]--;
	}
	cr_expect_eq(recall_find(&place, words + 1), 0);
	cr_expect_eq(recall_find(&place + 1, words), 0);
	cr_expect_eq(recall_find(&place, words), 7);
}

/* Locals change from call to call. */
Test(recall, other_words_do_not_matter)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = make_trace(words, 10);
	recall_put(&place, &trace, 7);
	words[2] = words[3] = words[8] = 1;
	cr_expect_eq(recall_find(&place, words), 7);
}

Test(recall, several_stacks_of_one_place)
{
	uintptr_t words[WORDS];

	for (uint32_t id = 1; id <= WAYS; id++) {
		struct recall_trace trace;

		fill_words(words);
		words[5] = id;
		trace = make_trace(words, 4);
		recall_put(&place, &trace, id);
	}
	for (uint32_t id = 1; id <= WAYS; id++) {
		words[5] = id;
		cr_expect_eq(recall_find(&place, words), id);
	}
}

Test(recall, what_cannot_be_found_again_is_not_kept)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = make_trace(words, 10);
	trace.interrupted = true;
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 0, "a signal handler");
	trace.interrupted = false;
	trace.frames[3]++;
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 0, "kept in a register");
	trace.frames[3]--;
	trace.slots[3] = trace.slots[1];
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 0, "out of order");
}

/* The fourth frame has a pointer to its own locals, which the third has kept. */
static struct recall_trace with_pointer(uintptr_t *words)
{
	struct recall_trace trace;

	words[10] = (uintptr_t)&words[16];
	trace = make_trace(words, 10);
	trace.pointers[3] = 16;
	trace.saved[3] = 10;
	return trace;
}

Test(recall, a_frame_that_may_have_another_size_is_known_by_its_pointer)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = with_pointer(words);
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 7);
	words[10] += sizeof(uintptr_t);
	cr_expect_eq(recall_find(&place, words), 0);
}

Test(recall, a_pointer_that_nobody_has_kept_is_that_of_the_caller)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = make_trace(words, 10);
	trace.pointers[0] = trace.pointers[3] = 16;
	words[0] = (uintptr_t)&words[16];
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 7);
	words[0] += sizeof(uintptr_t);
	cr_expect_eq(recall_find(&place, words), 0);
}

Test(recall, a_pointer_of_which_no_more_is_known_is_not_relied_on)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = make_trace(words, 10);
	trace.pointers[3] = 16;
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 0);
}

/* Its words might not be there to be read. */
Test(recall, on_a_stack_of_the_programs_own_nothing_is_known)
{
	static uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = make_trace(words, 10);
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 0);
}

Test(recall, a_stack_of_another_height_is_not_looked_at)
{
	uintptr_t words[2 * WORDS];
	struct recall_trace trace;

	fill_words(words);
	fill_words(words + WORDS);
	trace = make_trace(words, 10);
	recall_put(&place, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 7);
	cr_expect_eq(recall_find(&place, words + WORDS), 0);
}

/* As those of an interpreter are, whose calls all come from one place. */
Test(recall, stacks_of_one_place_and_many_heights)
{
	enum { HEIGHTS = 4 * WAYS };
	uintptr_t words[2 * HEIGHTS + WORDS];

	for (uint32_t i = 0; i < HEIGHTS; i++) {
		struct recall_trace trace;

		fill_words(words + 2 * i);
		trace = make_trace(words + 2 * i, 10);
		recall_put(&place, &trace, i + 1);
		cr_expect_eq(recall_find(&place, words + 2 * i), i + 1, "%u",
			     i);
	}
}

/* A trace of the first frames: what an unwinder has when it asks. */
static struct recall_trace first_frames(const uintptr_t *words,
					unsigned int count)
{
	struct recall_trace trace = make_trace(words, count);

	trace.ended = false;
	return trace;
}

static void put_ended(const uintptr_t *words, unsigned int count)
{
	struct recall_trace trace = make_trace(words, count);

	trace.ended = true;
	recall_put(&place, &trace, 7);
}

Test(recall, the_callers_of_a_known_frame_are_known)
{
	uintptr_t words[WORDS];
	struct recall_trace whole;
	struct recall_trace trace;

	fill_words(words);
	put_ended(words, 10);
	/* Called from the same place, by another way. */
	words[1]++;
	words[5]++;
	whole = make_trace(words, 10);
	for (unsigned int i = 1; i <= 10; i++) {
		trace = first_frames(words, i);
		cr_expect_eq(recall_rest(&trace, RECALL_FRAMES_MAX), i > 2,
			     "%u", i);
		if (i <= 2)
			continue;
		cr_expect_eq(trace.count, 10);
		cr_expect(trace.ended);
		cr_expect_arr_eq(trace.frames, whole.frames,
				 10 * sizeof(uintptr_t));
		cr_expect_arr_eq(trace.slots, whole.slots,
				 10 * sizeof(uint16_t));
	}
}

Test(recall, a_known_frame_with_another_pointer_has_other_callers)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = with_pointer(words);
	trace.ended = true;
	recall_put(&place, &trace, 7);
	for (unsigned int i = 1; i <= 10; i++) {
		trace = first_frames(words, i);
		/* Within, nobody keeps it. */
		trace.pointer = (uintptr_t)&words[16];
		cr_expect(recall_rest(&trace, RECALL_FRAMES_MAX), "%u", i);
		trace = first_frames(words, i);
		cr_expect_eq(recall_rest(&trace, RECALL_FRAMES_MAX), i != 4,
			     "%u", i);
	}
}

Test(recall, of_a_known_stack_no_more_is_added_than_is_wanted)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	put_ended(words, 10);
	trace = first_frames(words, 3);
	cr_expect(recall_rest(&trace, 6));
	cr_expect_eq(trace.count, 6);
	cr_expect_not(trace.ended);
}

Test(recall, callers_that_were_left_out_are_not_taken_for_none)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	trace = first_frames(words, 8);
	recall_put(&place, &trace, 7);
	trace = first_frames(words, 3);
	cr_expect_not(recall_rest(&trace, 9), "there is a ninth");
	cr_expect(recall_rest(&trace, 8));
	cr_expect_eq(trace.count, 8);
}

Test(recall, a_frame_with_another_caller_is_no_known_rest)
{
	uintptr_t words[WORDS];
	struct recall_trace trace;

	fill_words(words);
	put_ended(words, 10);
	words[4 * 9 + 1]++;
	trace = first_frames(words, 3);
	cr_expect_not(recall_rest(&trace, RECALL_FRAMES_MAX));
	cr_expect_eq(trace.count, 3);
}

Test(recall, a_frame_at_another_height_is_no_known_rest)
{
	uintptr_t words[2 * WORDS];
	struct recall_trace trace;

	fill_words(words);
	fill_words(words + WORDS);
	put_ended(words, 10);
	trace = first_frames(words + WORDS, 3);
	cr_expect_not(recall_rest(&trace, RECALL_FRAMES_MAX));
}

Test(recall, when_there_is_no_room_what_is_known_stays_known)
{
	enum { MORE = POOL_WORDS / 20 };
	static const char places[MORE];
	uintptr_t words[WORDS];
	struct recall_trace trace;
	unsigned int known = 0;

	fill_words(words);
	trace = make_trace(words, 10);
	for (uint32_t i = 0; i < MORE; i++)
		recall_put(&places[i], &trace, i + 1);
	for (uint32_t i = 0; i < MORE; i++) {
		uint32_t id = recall_find(&places[i], words);

		cr_assert(id == 0 || id == i + 1, "%u: %u", i, id);
		known += id != 0;
	}
	cr_expect_eq(recall_find(&places[0], words), 1);
	cr_expect_gt(known, SETS);
	cr_expect_lt(known, MORE);
}
