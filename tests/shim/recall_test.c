/* Stacks that are recognised: on words that stand for a stack. */
#include <criterion/criterion.h>
#include <string.h>

#include "shim/recall.c"

enum { WORDS = 64 };

static uintptr_t words[WORDS];
static const char place; /* stands for a return address */

/* Return addresses in every fourth word. */
static struct recall_trace make_trace(unsigned int count)
{
	struct recall_trace trace = { .count = count };

	for (unsigned int i = 0; i < count; i++) {
		trace.slots[i] = &words[4 * i + 1];
		trace.frames[i] = words[4 * i + 1];
	}
	return trace;
}

static void fill_words(void)
{
	for (int i = 0; i < WORDS; i++)
		words[i] = 0x1000 + (uintptr_t)i;
}

Test(recall, a_stack_is_known_again)
{
	struct recall_trace trace;

	fill_words();
	trace = make_trace(10);
	cr_expect_eq(recall_find(&place, words), 0);
	recall_put(&place, words, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 7);
}

Test(recall, another_caller_is_another_stack)
{
	struct recall_trace trace;

	fill_words();
	trace = make_trace(10);
	recall_put(&place, words, &trace, 7);
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
	struct recall_trace trace;

	fill_words();
	trace = make_trace(10);
	recall_put(&place, words, &trace, 7);
	words[2] = words[3] = words[8] = 1;
	cr_expect_eq(recall_find(&place, words), 7);
}

Test(recall, several_stacks_of_one_place)
{
	for (uint32_t id = 1; id <= WAYS; id++) {
		struct recall_trace trace;

		fill_words();
		words[5] = id;
		trace = make_trace(4);
		recall_put(&place, words, &trace, id);
	}
	for (uint32_t id = 1; id <= WAYS; id++) {
		words[5] = id;
		cr_expect_eq(recall_find(&place, words), id);
	}
}

Test(recall, what_cannot_be_found_again_is_not_kept)
{
	struct recall_trace trace;

	fill_words();
	trace = make_trace(10);
	trace.interrupted = true;
	recall_put(&place, words, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 0, "a signal handler");
	trace.interrupted = false;
	trace.frames[3]++;
	recall_put(&place, words, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 0, "kept in a register");
	trace.frames[3]--;
	trace.slots[3] = trace.slots[1];
	recall_put(&place, words, &trace, 7);
	cr_expect_eq(recall_find(&place, words), 0, "out of order");
}
