#include "shim/frames.h"

#if defined(__x86_64__)
#include <dlfcn.h>
#include <stdatomic.h>

#include "shim/cfi.h"
#include "shim/initial.h"
#include "shim/own_stack.h"

#pragma weak _dl_find_object

enum { SETS = 1 << 12, WAYS = 2 };

static frames_find_fde *find_fde;

/*
 * A rule in a word. In which set, the lowest 12 bits of the return address
 * tell; the other 35 that an address of a program can have are above the rule.
 */
static _Atomic uint64_t rules[SETS][WAYS];

enum {
	CFA_MAX = 0xffff,
	POINTER_SHIFT = 16,
	POINTER_MAX = 0x7ff,
	BY_POINTER = 1 << 27,
	OUTERMOST = 1 << 28,
	TAG_SHIFT = 29,
};

void frames_start(frames_find_fde *find)
{
	find_fde = find;
}

static uint64_t tag_of(uintptr_t address)
{
	return (uint64_t)(address / SETS) << TAG_SHIFT;
}

/*
 * Is it where a signal handler returns to: mov $15, %rax; syscall? Byte by
 * byte, as libgcc reads it: the code may end before the page does.
 */
static bool is_sigreturn(const volatile uint8_t *code)
{
	static const uint8_t expected[] = { 0x48, 0xc7, 0xc0, 0x0f, 0x00,
					    0x00, 0x00, 0x0f, 0x05 };
	size_t i = 0;

	while (i < sizeof(expected) && code[i] == expected[i])
		i++;
	return i == sizeof(expected);
}

/*
 * What no object describes is the end for libgcc too, but for the frame of a
 * signal, and for what the program has described (a compiler at run time does).
 */
static bool is_end(uintptr_t address)
{
	void *bases[3];

	return find_fde && !find_fde((void *)(address - 1), bases) &&
	       !is_sigreturn((const uint8_t *)address);
}

static bool pack(const struct cfi_rule *rule, uint32_t *packed)
{
	*packed = rule->cfa | rule->pointer << POINTER_SHIFT |
		  (rule->by_pointer ? BY_POINTER : 0) |
		  (rule->outermost ? OUTERMOST : 0);
	return rule->cfa <= CFA_MAX && rule->pointer <= POINTER_MAX;
}

/* The return address may already belong to the next function. */
static bool read_rule(uintptr_t address, uint32_t *packed, bool *permanent)
{
	struct dl_find_object object;
	enum cfi_answer answer = CFI_NONE;
	struct cfi_rule rule;

	*permanent = false;
	if (!_dl_find_object)
		return false;
	if (_dl_find_object((void *)(address - 1), &object) == 0 &&
	    object.dlfo_eh_frame) {
		answer = cfi_find(object.dlfo_eh_frame, address - 1, &rule);
		*permanent = initial_has(object.dlfo_link_map);
	}
	if (answer == CFI_RULE)
		return pack(&rule, packed);
	*permanent = false;
	*packed = OUTERMOST;
	return answer == CFI_NONE && is_end(address);
}

static __attribute__((noinline)) bool learn_rule(uintptr_t address,
						 uint32_t *packed)
{
	_Atomic uint64_t *set = rules[address % SETS];
	bool permanent;

	if (!read_rule(address, packed, &permanent))
		return false;
	if (permanent) {
		/* The newest first; the oldest goes. */
		atomic_store_explicit(&set[1], atomic_load(&set[0]),
				      memory_order_relaxed);
		atomic_store_explicit(&set[0], tag_of(address) | *packed,
				      memory_order_relaxed);
	}
	return true;
}

static bool find_rule(uintptr_t address, uint32_t *packed)
{
	_Atomic uint64_t *set = rules[address % SETS];
	uint64_t tag = tag_of(address);

	for (int i = 0; i < WAYS; i++) {
		uint64_t rest =
			atomic_load_explicit(&set[i], memory_order_relaxed) ^
			tag;

		*packed = (uint32_t)rest;
		if (rest >> TAG_SHIFT == 0)
			return true;
	}
	return learn_rule(address, packed);
}

/* What a frame's callee has left. */
struct frame {
	uintptr_t address;     /* it returns here */
	const uintptr_t *slot; /* where that lies: the callee's frame ends */
	uintptr_t pointer;     /* rbp */
};

enum step { LOST, OUTERMOST_FRAME, CALLER };

/*
 * Where code can be: above vm.mmap_min_addr, and in the lower half. What is
 * nowhere else returns to nowhere; 0 does by agreement.
 */
static inline bool is_code(uintptr_t address)
{
	const uintptr_t lowest = 1UL << 16;
	const uintptr_t highest = 1UL << 47;

	return address - lowest < highest - lowest;
}

/* The frame's caller, on a stack that can be read up to end. */
static inline enum step go_up(struct frame *frame, const uintptr_t *end)
{
	const uintptr_t *cfa = frame->slot + 1;
	uint32_t saved;
	uint32_t rule;

	if (!find_rule(frame->address, &rule))
		return LOST;
	if (rule & OUTERMOST)
		return OUTERMOST_FRAME;
	if (rule & BY_POINTER)
		cfa = (const uintptr_t *)frame->pointer;
	/* Upwards, and no further than the stack goes. */
	if ((uintptr_t)cfa % sizeof(*cfa) != 0 || cfa <= frame->slot ||
	    cfa > end || (size_t)(end - cfa) < (rule & CFA_MAX))
		return LOST;
	cfa += rule & CFA_MAX;
	saved = rule >> POINTER_SHIFT & POINTER_MAX;
	if (saved) {
		if (cfa - frame->slot <= saved)
			return LOST;
		frame->pointer = *(cfa - saved);
	}
	frame->slot = cfa - 1;
	frame->address = *frame->slot;
	return is_code(frame->address) ? CALLER : OUTERMOST_FRAME;
}

unsigned int frames_walk(const void *base, const void *place, uintptr_t *frames,
			 unsigned int room)
{
	const uintptr_t *words = base;
	const uintptr_t *end = words + own_stack_above(base) / sizeof(*words);
	/* As every function leaves it that keeps its frame's address in rbp. */
	struct frame frame = { .address = words[1],
			       .slot = words + 1,
			       .pointer = words[0] };
	unsigned int count = 0;
	enum step step = CALLER;

	if (end == words)
		return 0;
	for (int i = 0; frame.address != (uintptr_t)place; i++) {
		if (i == FRAMES_OWN_MAX || go_up(&frame, end) != CALLER)
			return 0;
	}
	while (step == CALLER) {
		frames[count++] = frame.address;
		if (count == room)
			return count;
		step = go_up(&frame, end);
	}
	return step == LOST ? 0 : count;
}
#else
void frames_start(frames_find_fde *find)
{
	(void)find;
}

unsigned int frames_walk(const void *base, const void *place, uintptr_t *frames,
			 unsigned int room)
{
	(void)base;
	(void)place;
	(void)frames;
	(void)room;
	return 0;
}
#endif
