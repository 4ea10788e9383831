/* What of a stack can be read: on stacks that are laid next to each other. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/mman.h>

#include "shim/own_stack.c"

extern void *__libc_stack_end; /* the dynamic loader's */

static void start(void)
{
	own_stack_start(__libc_stack_end);
}

TestSuite(own_stack, .init = start);

enum { KIB = 1024, BELOW = 48 * KIB, SMALL = 16 * KIB };

/* What a thread is told of an address, and of its own frame. */
struct question {
	const char *address;
	size_t above;
	size_t above_frame;
};

static void *ask(void *argument)
{
	struct question *question = argument;

	question->above = own_stack_above(question->address);
	question->above_frame = own_stack_above(__builtin_frame_address(0));
	return NULL;
}

static void ask_on(char *stack, size_t size, struct question *question)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	cr_assert_eq(pthread_attr_setstack(&attributes, stack, size), 0);
	cr_assert_eq(pthread_create(&thread, &attributes, ask, question), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
}

static char *make_memory(void)
{
	char *memory = mmap(NULL, BELOW + SMALL, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(memory, MAP_FAILED);
	return memory;
}

Test(own_stack, of_the_first_thread_it_reaches_to_the_arguments)
{
	const char *frame = __builtin_frame_address(0);

	cr_expect_eq(own_stack_above(frame),
		     (size_t)((const char *)__libc_stack_end - frame));
	cr_expect_eq(own_stack_above(__libc_stack_end), 0);
}

Test(own_stack, of_another_thread_it_reaches_to_its_descriptor)
{
	char *memory = make_memory();
	struct question question = { .address = memory };

	ask_on(memory, BELOW + SMALL, &question);
	cr_expect_gt(question.above, BELOW);
	cr_expect_leq(question.above, BELOW + SMALL);
	cr_expect_gt(question.above_frame, 0);
}

/* A coroutine's, as near as that: what is between need not be there. */
Test(own_stack, what_is_below_a_small_stack_is_none_of_it)
{
	char *memory = make_memory();
	struct question question = { .address = memory + BELOW - 64 };

	ask_on(memory + BELOW, SMALL, &question);
	cr_expect_eq(question.above, 0);
	cr_expect_gt(question.above_frame, 0);
	question.address = memory + BELOW;
	ask_on(memory + BELOW, SMALL, &question);
	cr_expect_gt(question.above, 0);
}

Test(own_stack, another_threads_stack_is_none_of_it)
{
	char frame;
	struct question question = { .address = &frame };

	ask_on(make_memory(), BELOW + SMALL, &question);
	cr_expect_eq(question.above, 0);
}
