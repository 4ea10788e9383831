/*
 * Stacks that were unwound before, recognised without unwinding.
 *
 * A stack lies in memory as return addresses at certain distances. If every one
 * of them is where it was when this place was last unwound, it is that stack:
 * each frame that matches fixes its caller's, as it does for an unwinder; where
 * a frame's size is not fixed (a variable array), its frame pointer has to be
 * the same, too. So a known stack costs some twenty loads where unwinding takes
 * 2 to 9 us. And of a new one only that part is unwound which no other has.
 *
 * Owns: the memory of them, filled once, never replaced. Called by: stack.
 * Lock-free, async-signal-safe, allocates nothing.
 */
#ifndef SHIM_RECALL_H
#define SHIM_RECALL_H

#include <stdbool.h>
#include <stdint.h>

enum { RECALL_FRAMES_MAX = 80 };

/*
 * Return addresses from the inside out. Of each: where it lies, and of the
 * function that it leads back to the frame pointer, and where that was saved by
 * one that it has called. In words above base, as the stack is small that this
 * is on; what is not above is RECALL_FAR.
 */
enum { RECALL_FAR = UINT16_MAX };

struct recall_trace {
	const uintptr_t *base; /* what lies below is gone when it is asked for */
	uintptr_t frames[RECALL_FRAMES_MAX];
	uint16_t slots[RECALL_FRAMES_MAX];
	uint16_t pointers[RECALL_FRAMES_MAX];
	uint16_t saved[RECALL_FRAMES_MAX];
	const uintptr_t *slot; /* of the last frame */
	uintptr_t pointer;     /* likewise */
	unsigned int count;
	bool interrupted; /* by a signal: then addresses need not be in order */
	bool ended;       /* the last one is the outermost there is */
};

void recall_add(struct recall_trace *trace, uintptr_t frame,
		const uintptr_t *slot, uintptr_t pointer,
		const uintptr_t *saved);

/*
 * The number under which the stack above base was put, or 0. base is the frame
 * address of the function that asks, which has to be the one that puts; its
 * caller's frame pointer lies there.
 */
uint32_t recall_find(const void *place, const void *base);

/*
 * From the last frame of the trace on, is it the rest of a stack that was put?
 * Then that is added, up to the frame number `end`. Not where less is known of
 * it, and there is more.
 */
bool recall_rest(struct recall_trace *trace, unsigned int end);

/*
 * Remembers it, above its base. Not where a return address does not lie where
 * the trace says (machines that keep it elsewhere), nor across a signal handler.
 */
void recall_put(const void *place, const struct recall_trace *trace,
		uint32_t id);

#endif
