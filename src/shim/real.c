#include "shim/real.h"

#include <dlfcn.h>
#include <stddef.h>

#include "shim/elf.h"

struct real real;

/* NULL before glibc 2.34, where it is in a library of its own. */
static void (*test_cancel)(void);

static const struct {
	const char *name;
	size_t offset; /* in struct real */
} symbols[] = {
#define CALL(s, kind, flags) { .name = #s, .offset = offsetof(struct real, s) },
#include "model/calls.def"
#undef CALL
};

enum { SYMBOL_COUNT = sizeof(symbols) / sizeof(symbols[0]) };

static void set_pointer(size_t offset, void *function)
{
	*(void **)((char *)&real + offset) = function;
}

static void *get_pointer(size_t offset)
{
	return *(void **)((char *)&real + offset);
}

/*
 * Two threads may do this at once: they write the same values. real.close,
 * which real_calls tests, is set last.
 */
void real_early(void)
{
	const struct link_map *libc = elf_module_named("libc.so.6");
	size_t last = offsetof(struct real, close);

	if (!libc)
		return;
	for (int i = 0; i < SYMBOL_COUNT; i++) {
		if (symbols[i].offset != last &&
		    !get_pointer(symbols[i].offset))
			set_pointer(symbols[i].offset,
				    elf_symbol(libc, symbols[i].name));
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	set_pointer(last, elf_symbol(libc, "close"));
}

void real_test_cancel(void)
{
	if (test_cancel)
		test_cancel();
}

void real_resolve(void)
{
	const struct link_map *libc = elf_module_named("libc.so.6");

	real_early();
	if (libc)
		test_cancel = (__typeof__(test_cancel))elf_symbol(
			libc, "pthread_testcancel");
	for (int i = 0; i < SYMBOL_COUNT; i++) {
		void *next;

		/* A miss allocates the text of an error: do not ask. */
		if (!get_pointer(symbols[i].offset))
			continue;
		next = dlsym(RTLD_NEXT, symbols[i].name);
		if (next)
			set_pointer(symbols[i].offset, next);
	}
}
