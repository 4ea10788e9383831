/*
 * The stacks that the kernel and libc made: what of them can surely be read.
 *
 * Owns: where the first thread's stack begins, and where glibc tells of the
 * others'. Called by: the constructor, the wrappers, frames. Async-signal-safe,
 * makes no system call, allocates nothing.
 */
#ifndef SHIM_OWN_STACK_H
#define SHIM_OWN_STACK_H

#include <stdbool.h>
#include <stddef.h>

/* From the constructor. first: where the arguments of main() begin. */
void own_stack_start(const void *first);

/*
 * Is it on a stack, where it can surely be read? Only said of the first 64 KiB
 * of the first thread's stack, which the kernel sets up with more than that
 * (setup_arg_pages), and of the page that this very call's frame is in.
 */
bool own_stack_has(const void *address, size_t size);

/*
 * How many bytes of the calling thread's own stack lie above an address of one
 * of its frames, up to where they begin: they can be read. 0 where that is not
 * certain: on a stack that the program made (a coroutine's, a signal
 * handler's), and deeper than 128 KiB.
 */
size_t own_stack_above(const void *address);

#endif
