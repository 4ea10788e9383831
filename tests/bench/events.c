/*
 * What the library's own work costs, without the calls around it: this program
 * is linked with the library's objects and calls them directly, under the ring
 * of `ringed`. Prints a line each: name, median ns, least, most.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "shim/feed.h"
#include "shim/report.h"
#include "shim/settings.h"
#include "shim/stack.h"

enum { BURSTS = 101, BURST = 64, CHAIN = 10 };

static const struct subject nobody = { .pid = 1, .fd = 3 };

static struct walk walk = {
	.fd = 3,
	.role = ROLE_PASSIVE,
	.local = { .family = AF_INET, .port = 80 },
	.peer = { .family = AF_INET, .port = 40000 },
	.call = CALL_accept4,
	.length = 1,
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a;
	double two = *(const double *)b;

	return (one > two) - (one < two);
}

static unsigned int turn; /* a return address that never was before */

static const void *fresh_place(void)
{
	return (const void *)(uintptr_t)(0x1000 + 16UL * ++turn);
}

static __attribute__((noinline)) void say_transition(void)
{
	report_walk(&walk);
}

static __attribute__((noinline)) void say_with_known_place(void)
{
	walk.born = stack_brief(&turn);
	report_walk(&walk);
	walk.born = 0;
}

static __attribute__((noinline)) void say_with_new_place(void)
{
	walk.born = stack_brief(fresh_place());
	report_walk(&walk);
	walk.born = 0;
}

/* As from a wrapper: the caller's frame is found above ours. */
static __attribute__((noinline)) void say_with_stack(void)
{
	walk.born = stack_brief(__builtin_return_address(0));
	report_walk(&walk);
	walk.born = 0;
}

static __attribute__((noinline)) void say_finding(void)
{
	report_plain(RULE_LINGER_RESET, &nobody, fresh_place(),
		     "a message of common length, as the rules have them, with "
		     "a number or two in it",
		     "and a line of help that says what to do about it");
}

static __attribute__((noinline)) void chain(void (*run)(void), int depth)
{
	if (depth > 0)
		chain(run, depth - 1);
	else
		run();
	__asm__ volatile("");
}

static void measure(const char *name, void (*run)(void), int burst)
{
	double times[BURSTS];
	struct timespec pause = { .tv_nsec = 1000000 };
	int bursts = burst == 1 ? 64 : BURSTS;

	for (int i = 0; i < bursts; i++) {
		double from = now();

		for (int j = 0; j < burst; j++)
			chain(run, CHAIN);
		times[i] = (now() - from) / burst;
		/* The other side is to find time to drain. */
		if (i % 16 == 15)
			nanosleep(&pause, NULL);
	}
	qsort(times, (size_t)bursts, sizeof(*times), by_size);
	printf("%s\t%.0f\t%.0f\t%.0f\n", name, times[bursts / 2], times[0],
	       times[bursts - 1]);
}

/* Each depth of the chain is a stack that never was before. */
static void measure_new_stacks(void)
{
	enum { DEEPEST = 48 };
	double times[DEEPEST];

	settings.depth = STACK_FRAMES_MAX;
	for (int i = 0; i < DEEPEST; i++) {
		double from = now();

		chain(say_with_stack, i);
		times[i] = now() - from;
	}
	qsort(times, DEEPEST, sizeof(*times), by_size);
	printf("transition, new stack\t%.0f\t%.0f\t%.0f\n", times[DEEPEST / 2],
	       times[0], times[DEEPEST - 1]);
}

int main(void)
{
	if (!feed_attached())
		errx(1, "no ring: run it by ringed");
	measure("transition", say_transition, BURST);
	settings.stacks = STACKS_FINDINGS;
	measure("transition, known place", say_with_known_place, BURST);
	measure("transition, new place", say_with_new_place, BURST);
	settings.stacks = STACKS_ALL;
	measure("transition, known stack", say_with_stack, BURST);
	measure_new_stacks();
	settings.stacks = STACKS_FINDINGS;
	measure("finding, new place", say_finding, 1);
	return 0;
}
