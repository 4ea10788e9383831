/*
 * Call stacks: taken, stored once each, printed.
 *
 * Owns: libgcc's unwinder (_Unwind_Backtrace, found by dlopen at start and
 * never linked), for the stacks that frames.h leaves to it, and the store of
 * stacks. Called by: the slow path at births, ends and findings. Not on the
 * data path: a full stack costs 5 ns a frame, by libgcc 0.1 us a frame;
 * a single frame costs 10 ns. Async-signal-safe: libgcc finds its tables by
 * glibc's lock-free _dl_find_object (gcc 12, glibc 2.35); on older systems
 * stacks are off but for the caller's own frame.
 */
#ifndef SHIM_STACK_H
#define SHIM_STACK_H

#include <stdint.h>

#include "model/text.h"

/* No stack is longer. */
enum { STACK_FRAMES_MAX = 64 };

/* A stored stack; 0 is none. Equal stacks have equal numbers. */
typedef uint32_t stack_id;

/* Loads the unwinder, unless the option says off. May allocate. */
void stack_start(void);

/* Takes the room for all stacks, before memory can be had no more. */
void stack_reserve(void);

/*
 * The stack for the record of a socket: place is the return address of the
 * wrapped call. One frame, unless the option `stacks` is `all`, or the frame is
 * a sanitizer's.
 */
stack_id stack_brief(const void *place);

/* The stack for a finding: all frames, unless the option is `off`. */
stack_id stack_full(const void *place);

/*
 * "#0 module+0x123 (function)\n" a frame, each after the indent; for the ring a
 * line that names the stack (RING_STACK_MARK).
 */
void stack_add(struct text *text, const char *indent, stack_id id);

/*
 * A stack of another program, whose frames are no return addresses of this one:
 * the ring is not told what they are.
 */
stack_id stack_told(const uintptr_t *frames, unsigned int count);

/* The return addresses; *count frames, innermost first. NULL for 0. */
const uintptr_t *stack_frames(stack_id id, unsigned int *count);

#endif
