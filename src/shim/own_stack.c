#include "shim/own_stack.h"

#include <dlfcn.h>
#include <stdint.h>

static uintptr_t first_end;    /* the first thread's stack is below */
static uintptr_t first_thread; /* 0: the library came by dlopen() elsewhere */

/*
 * Where a thread's descriptor tells of its stack, from this_thread() on: where
 * the memory begins, then its size (struct pthread, nptl/descr.h). 0: it is not
 * known.
 */
static intptr_t told_at;

/* The thread's descriptor, or next to it: tells threads apart. */
static uintptr_t this_thread(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

/*
 * In the first thread's descriptor the place of the size is where glibc keeps
 * __libc_stack_end (dl_tls_init_tp.c): a word that is there once.
 */
static intptr_t find_told(void)
{
	void *const *end = dlsym(RTLD_DEFAULT, "__libc_stack_end");
	const uint32_t *size = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");
	intptr_t found = 0;
	const char *words;
	intptr_t from;

	if (!end || !size)
		return 0;
#if defined(__x86_64__)
	from = 0;
#else
	from = -(intptr_t)*size;
#endif
	words = __builtin_thread_pointer();
	for (intptr_t at = from + (intptr_t)sizeof(void *);
	     at < from + (intptr_t)*size; at += (intptr_t)sizeof(void *)) {
		if (*(void *const *)(words + at) != *end)
			continue;
		if (found)
			return 0;
		found = at - (intptr_t)sizeof(void *);
	}
	return found;
}

void own_stack_start(const void *first)
{
	first_end = (uintptr_t)first;
	first_thread = this_thread();
	if (!own_stack_above(__builtin_frame_address(0)))
		first_thread = 0;
	else
		told_at = find_told();
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
 * (nptl/allocatestack.c), the first thread's elsewhere. A stack that the
 * program has made may lie close below a small one, and what is between need
 * not be there: so it takes the beginning, too.
 */
static bool on_this_threads(uintptr_t address)
{
	uintptr_t self = this_thread();
	const uintptr_t *told = (const uintptr_t *)(self + (uintptr_t)told_at);

	if (self == first_thread)
		return address < first_end;
	return told_at && address >= told[0] && address < self &&
	       self - told[0] < told[1];
}

size_t own_stack_above(const void *address)
{
	enum { DEPTH_MAX = 128 << 10 };
	uintptr_t from = (uintptr_t)address;
	uintptr_t self = this_thread();
	uintptr_t end = self == first_thread ? first_end : self;

	return first_thread && on_this_threads(from) && end - from <= DEPTH_MAX
		       ? end - from
		       : 0;
}
