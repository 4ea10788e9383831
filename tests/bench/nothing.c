/*
 * An interposer that does nothing: it exports the names of calls.def and jumps
 * to libc's function of each. What this costs, every preloaded library costs.
 *
 * A call that comes before the constructor resolves all names first, with the
 * argument registers kept. (va_list functions need al too.)
 */
#include <dlfcn.h>
#include <stddef.h>

#ifndef __x86_64__
#error "the do-nothing interposer is written for x86-64"
#endif

/* slot_NAME: where NAME jumps to; at first, to early_NAME. */
#define CALL(symbol, kind, flags)                               \
	__asm__(".data\n"                                       \
		"slot_" #symbol ": .quad early_" #symbol "\n"   \
		".text\n"                                       \
		".globl " #symbol "\n"                          \
		".type " #symbol ", @function\n" #symbol ":\n"  \
		"	jmp *slot_" #symbol "(%rip)\n"          \
		"early_" #symbol ":\n"                          \
		"	push %rax; push %rdi; push %rsi; push %rdx\n" \
		"	push %rcx; push %r8; push %r9\n"              \
		"	call resolve\n"                               \
		"	pop %r9; pop %r8; pop %rcx\n"                 \
		"	pop %rdx; pop %rsi; pop %rdi; pop %rax\n"     \
		"	jmp *slot_" #symbol "(%rip)\n");        \
	extern void *slot_##symbol __attribute__((visibility("hidden")));
#include "model/calls.def"
#undef CALL

static const struct {
	const char *name;
	void **slot;
} symbols[] = {
#define CALL(symbol, kind, flags) { #symbol, &slot_##symbol },
#include "model/calls.def"
#undef CALL
};

__attribute__((visibility("hidden"))) void resolve(void);

__attribute__((constructor, used)) void resolve(void)
{
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *next = dlsym(RTLD_NEXT, symbols[i].name);

		if (next)
			*symbols[i].slot = next;
	}
}
