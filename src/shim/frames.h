/*
 * The frames of the calling thread's own stack, by rules that are read once.
 *
 * libgcc reads a function's call frame information each time it comes by, and
 * follows every register: 0.1 us a frame. Most frames need two
 * registers, and what holds for a return address holds until its object is
 * unloaded: 5 ns.
 *
 * Owns: the rules of the initial objects. Called by:
 * stack. Lock-free, async-signal-safe, allocates nothing, makes no system call.
 * On x86-64 with glibc 2.35; elsewhere all frames are lost.
 */
#ifndef SHIM_FRAMES_H
#define SHIM_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libgcc's _Unwind_Find_FDE; the second argument takes three pointers. */
typedef const void *frames_find_fde(void *address, void *bases);

/* From the constructor, after initial_start(). */
void frames_start(frames_find_fde *find);

/*
 * The return addresses of the frames above the function whose frame address is
 * base: from `place` on, `room` of them at most. Returns their number; 0 when
 * the walk has lost its way: then libgcc has to be asked for the whole of it.
 */
unsigned int frames_walk(const void *base, const void *place, uintptr_t *frames,
			 unsigned int room);

/* The library's own frames, at most: `place` is found above them, or never. */
enum { FRAMES_OWN_MAX = 16 };

#endif
