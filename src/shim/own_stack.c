#include "shim/own_stack.h"

#include <stdint.h>

static uintptr_t first_end;    /* the first thread's stack is below */
static uintptr_t first_thread; /* 0: the library came by dlopen() elsewhere */

/* The thread's descriptor, or next to it: tells threads apart. */
static uintptr_t this_thread(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

void own_stack_start(const void *first)
{
	first_end = (uintptr_t)first;
	first_thread = this_thread();
	if (!own_stack_above(__builtin_frame_address(0)))
		first_thread = 0;
}

bool own_stack_has(const void *address, size_t size)
{
	enum { CERTAIN = 64 << 10, PAGE = 4096 };
	uintptr_t first = (uintptr_t)address;
	uintptr_t last = first + size - 1;
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

	if (first / PAGE == frame / PAGE && last / PAGE == frame / PAGE)
		return true;
	return last < first_end && last >= first &&
	       first_end - first <= CERTAIN;
}

/*
 * glibc keeps a thread's descriptor at the upper end of its stack
 * (nptl/allocatestack.c), the first thread's elsewhere. No stack of the
 * program's own making is as near below either: a thread's own is there.
 */
size_t own_stack_above(const void *address)
{
	enum { DEPTH_MAX = 128 << 10 };
	uintptr_t from = (uintptr_t)address;
	uintptr_t self = this_thread();
	uintptr_t end = self == first_thread ? first_end : self;

	return first_thread && from < end && end - from <= DEPTH_MAX
		       ? end - from
		       : 0;
}
