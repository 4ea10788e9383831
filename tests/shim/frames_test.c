/* Stacks by rules, held against libgcc's unwinder in the same function. */
#include <alloca.h>
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unwind.h>

#include "shim/cfi.c"
#include "shim/frames.c"
#include "shim/initial.h"
#include "shim/own_stack.c"
#include "support/run.h"

#if defined(__x86_64__)

enum { ROOM = 64 };

extern void *__libc_stack_end; /* the dynamic loader's */

extern const void *_Unwind_Find_FDE(void *address, void *bases);

static void start(void)
{
	own_stack_start(__libc_stack_end);
	initial_start();
	frames_start(_Unwind_Find_FDE);
}

TestSuite(frames, .init = start);

struct stack {
	const void *place;
	unsigned int count;
	uintptr_t frames[ROOM];
};

static struct stack walked;
static struct stack unwound;

static _Unwind_Reason_Code take(struct _Unwind_Context *context, void *unused)
{
	uintptr_t address = _Unwind_GetIP(context);

	(void)unused;
	if (address == 0)
		return _URC_END_OF_STACK;
	if (unwound.count == 0 && address != (uintptr_t)unwound.place)
		return _URC_NO_REASON;
	unwound.frames[unwound.count++] = address;
	return unwound.count == ROOM ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* The caller's stack, in both ways. */
static __attribute__((noinline)) void capture(void)
{
	unwound = (struct stack){ .place = __builtin_return_address(0) };
	walked = unwound;
	walked.count = frames_walk(__builtin_frame_address(0), walked.place,
				   walked.frames, ROOM);
	_Unwind_Backtrace(take, NULL);
	/* Not a tail call: the frame has to last. */
	__asm__ volatile("");
}

static void expect_same(const char *name)
{
	cr_assert_gt(unwound.count, 2, "%s", name);
	cr_assert_eq(walked.count, unwound.count, "%s: %u, not %u", name,
		     walked.count, unwound.count);
	for (unsigned int i = 0; i < walked.count; i++)
		cr_assert_eq(walked.frames[i], unwound.frames[i],
			     "%s: frame %u", name, i);
}

static __attribute__((noinline)) void recurse(int depth)
{
	if (depth > 0)
		recurse(depth - 1);
	else
		capture();
	__asm__ volatile("");
}

Test(frames, functions_with_frames_of_a_fixed_size)
{
	for (int depth = 0; depth < 100; depth++) {
		recurse(depth);
		expect_same("recurse");
	}
	cr_expect_eq(walked.count, ROOM);
}

static __attribute__((noinline)) void with_array(size_t size)
{
	volatile char *array = alloca(size);

	array[0] = 1;
	capture();
	array[size - 1] = 1;
}

/* The return addresses are the same, and lie elsewhere each time. */
Test(frames, functions_with_frames_of_a_variable_size)
{
	for (size_t size = 16; size < 40000; size += 208) {
		with_array(size);
		expect_same("alloca");
	}
}

static int compare(const void *a, const void *b)
{
	(void)a;
	(void)b;
	capture();
	return 0;
}

Test(frames, through_libc)
{
	int numbers[2] = { 1, 2 };

	qsort(numbers, 2, sizeof(*numbers), compare);
	expect_same("qsort");
}

static void *run_thread(void *unused)
{
	(void)unused;
	recurse(3);
	return NULL;
}

Test(frames, of_another_thread_up_to_its_start)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, run_thread, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	expect_same("thread");
}

static void on_signal(int number)
{
	(void)number;
	capture();
}

/* All registers are the interrupted function's there. */
Test(frames, of_a_signal_handler_are_left_to_libgcc)
{
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	cr_expect_eq(walked.count, 0);
	cr_expect_gt(unwound.count, 2);
}

static ucontext_t outside;

static void run_coroutine(void)
{
	capture();
	setcontext(&outside);
}

/* What of it can be read nobody knows. */
Test(frames, of_a_coroutine_are_left_to_libgcc)
{
	enum { SIZE = 65536 };
	static ucontext_t inside;
	volatile bool done = false;

	getcontext(&outside);
	if (!done) {
		done = true;
		getcontext(&inside);
		inside.uc_stack.ss_sp = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1,
					     0);
		inside.uc_stack.ss_size = SIZE;
		makecontext(&inside, run_coroutine, 0);
		setcontext(&inside);
	}
	cr_expect_eq(walked.count, 0);
	cr_expect_gt(unwound.count, 0);
}

/* Its caller's frame cannot be told from rsp or rbp alone. */
static __attribute__((noinline)) void aligned_anew(size_t size)
{
	_Alignas(64) volatile char aligned[64];
	volatile char *array = alloca(size);

	aligned[0] = array[0] = 1;
	capture();
	array[size - 1] = aligned[0];
}

/* Either way it is right, or it is nothing. */
Test(frames, of_a_function_that_aligns_its_frame_anew)
{
	aligned_anew(100);
	if (walked.count > 0)
		expect_same("aligned anew");
	cr_expect_gt(unwound.count, 2);
}

static unsigned int rule_count(void)
{
	unsigned int count = 0;

	for (int i = 0; i < SETS; i++) {
		for (int j = 0; j < WAYS; j++)
			count += rules[i][j] != 0;
	}
	return count;
}

/* Another object may lie there when they are asked for next. */
Test(frames, rules_of_an_object_that_can_be_unloaded_are_not_kept)
{
	void (*call_back)(void (*)(void));
	unsigned int before = 0;
	void *module;

	module = dlopen(run_program("libcalls.so"), RTLD_NOW);
	cr_assert(module, "%s", dlerror());
	call_back = (void (*)(void (*)(void)))dlsym(module, "call_back");
	cr_assert(call_back);
	/* From one place: what the loop is unrolled to would be several. */
	for (volatile int i = 0; i < 2; i++) {
		before = rule_count();
		call_back(capture);
		expect_same("call back");
	}
	cr_expect_eq(rule_count(), before);
	for (unsigned int i = 0; i < walked.count; i++) {
		struct dl_find_object object;

		if (_dl_find_object((void *)walked.frames[i], &object) != 0 ||
		    object.dlfo_link_map != module)
			continue;
		for (int j = 0; j < WAYS; j++)
			cr_expect_neq(rules[walked.frames[i] % SETS][j] &
					      ~((1ULL << TAG_SHIFT) - 1),
				      tag_of(walked.frames[i]));
	}
}

Test(frames, a_place_that_is_not_on_the_stack_is_not_found)
{
	uintptr_t frames[ROOM];

	cr_expect_eq(frames_walk(__builtin_frame_address(0), &walked, frames,
				 ROOM),
		     0);
}

/* Nothing is read but the stack. */
Test(frames, a_frame_pointer_that_leads_nowhere_is_not_followed)
{
	uintptr_t frames[ROOM];
	uintptr_t words[2];
	uint32_t rule;

	with_array(100);
	expect_same("alloca");
	words[1] = walked.frames[0];
	cr_assert(find_rule(words[1], &rule));
	cr_assert(rule & BY_POINTER);
	for (int bit = 0; bit < 64; bit++) {
		words[0] = 1ULL << bit;
		cr_expect_eq(frames_walk(words, (void *)words[1], frames, ROOM),
			     0);
	}
	words[0] = (uintptr_t)__libc_stack_end + (1 << 20);
	cr_expect_eq(frames_walk(words, (void *)words[1], frames, ROOM), 0);
}

/* Of a compiler's code at the end of what is mapped. */
Test(frames, code_that_ends_with_its_page_is_read_no_further)
{
	enum { PAGE = 4096 };
	uint8_t *code = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(code, MAP_FAILED);
	cr_assert_eq(munmap(code + PAGE, PAGE), 0);
	cr_expect(is_end((uintptr_t)code + PAGE - 1));
	code[PAGE - 2] = 0x48;
	code[PAGE - 1] = 0xc3;
	cr_expect(is_end((uintptr_t)code + PAGE - 2));
	memcpy(code, (uint8_t[]){ 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 5 }, 9);
	cr_expect_not(is_end((uintptr_t)code));
}

/* push %rbp; call *%rdi; pop %rbp; ret: behind that is nothing to be read. */
Test(frames, of_code_at_the_end_of_its_page)
{
	static const uint8_t code[] = { 0x55, 0xff, 0xd7, 0x5d, 0xc3 };
	enum { PAGE = 4096 };
	uint8_t *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *start = pages + PAGE - sizeof(code);
	void (*call_back)(void (*)(void));

	cr_assert(pages != MAP_FAILED);
	memcpy(start, code, sizeof(code));
	cr_assert_eq(mprotect(pages, PAGE, PROT_READ | PROT_EXEC), 0);
	cr_assert_eq(munmap(pages + PAGE, PAGE), 0);
	memcpy(&call_back, &start, sizeof(call_back));
	call_back(capture);
	cr_expect_eq(walked.count, 1);
	cr_expect_eq(unwound.count, 1);
	cr_expect_eq(walked.frames[0], (uintptr_t)start + 3);
}

/* Their upper bits would be lost. */
Test(frames, where_no_code_can_be_the_stack_ends)
{
	uintptr_t frames[ROOM];
	uintptr_t words[8] = { 0 };
	uint32_t rule;

	with_array(100);
	expect_same("alloca");
	words[0] = (uintptr_t)&words[2];
	words[1] = walked.frames[0];
	cr_assert(find_rule(words[1], &rule));
	cr_assert(rule & BY_POINTER);
	cr_assert_eq(rule & CFA_MAX, 2);
	for (int bit = 47; bit < 64; bit++) {
		words[3] = walked.frames[1] | 1UL << bit;
		cr_expect_eq(frames_walk(words, (void *)words[1], frames, ROOM),
			     1);
	}
	words[3] = 1;
	cr_expect_eq(frames_walk(words, (void *)words[1], frames, ROOM), 1);
}

/* Two that share a set; a third takes the place of the older. */
Test(frames, rules_of_one_set_are_kept_apart)
{
	uintptr_t address;
	uintptr_t newer;
	uintptr_t older;
	uint32_t rule;

	recurse(0);
	address = walked.frames[0];
	newer = address ^ SETS;
	older = address ^ 2 * SETS;
	rules[address % SETS][0] = tag_of(newer) | 1;
	rules[address % SETS][1] = tag_of(older) | 2;
	cr_assert(find_rule(newer, &rule));
	cr_expect_eq(rule, 1);
	cr_assert(find_rule(older, &rule));
	cr_expect_eq(rule, 2);
	recurse(0);
	expect_same("recurse");
	cr_expect_eq(rules[address % SETS][0] & ~0ULL << TAG_SHIFT,
		     tag_of(address));
	cr_expect_eq(rules[address % SETS][1], tag_of(newer) | 1);
}

#endif
