#include "shim/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "shim/early.h"
#include "shim/elf.h"

struct real real = {
	.read = early_read,
	.__read_chk = early_read_chk,
	.readv = early_readv,
	.recv = early_recv,
	.__recv_chk = early_recv_chk,
	.recvfrom = early_recvfrom,
	.__recvfrom_chk = early_recvfrom_chk,
	.write = early_write,
	.writev = early_writev,
	.send = early_send,
	.sendto = early_sendto,
	.close = early_close,
};
int (*real_clock_gettime)(clockid_t, struct timespec *) = early_clock_gettime;
_Atomic bool real_found;
bool real_accept_is_libc;
long real_errno_offset;

/* NULL before glibc 2.34, where it is in a library of its own. */
static void (*test_cancel)(void);

/* __libc_single_threaded, NULL before glibc 2.32. */
static const char *single_threaded;

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

/* Two threads may do this at once: they write the same values. */
const struct real *real_early(void)
{
	const struct link_map *map = elf_module_named("libc.so.6");
	int (*clock)(clockid_t, struct timespec *);
	struct elf_object libc;

	if (!map || atomic_load(&real_found) || !elf_read(map, &libc))
		return &real;
	for (int i = 0; i < SYMBOL_COUNT; i++)
		set_pointer(symbols[i].offset,
			    elf_symbol(&libc, symbols[i].name));
	clock = (__typeof__(clock))elf_symbol(&libc, "clock_gettime");
	if (clock)
		real_clock_gettime = clock;
	real_errno_offset =
		(const char *)&errno - (const char *)__builtin_thread_pointer();
	atomic_store(&real_found, true);
	return &real;
}

void real_test_cancel(void)
{
	if (test_cancel)
		test_cancel();
}

bool real_is_single_threaded(void)
{
	return single_threaded && *single_threaded;
}

/*
 * Which of the names are defined by an object that was loaded between this one
 * and libc: they lie in the order in which the dynamic loader looks names up.
 * One that cannot be read may define any.
 */
static void find_wrapped(bool wrapped[static SYMBOL_COUNT],
			 const struct link_map *libc)
{
	const struct link_map *map = elf_module(&real);
	uint32_t hashes[SYMBOL_COUNT] = { 0 }; /* made when one is needed */
	struct elf_object object;
	bool readable = map && libc;

	while (readable && (map = map->l_next) != libc) {
		readable = map && elf_read(map, &object);
		for (int i = 0; readable && i < SYMBOL_COUNT; i++) {
			const char *name = symbols[i].name;

			if (hashes[i] == 0)
				hashes[i] = elf_hash(name);
			wrapped[i] |= elf_symbol_hashed(&object, name,
							hashes[i]) != NULL;
		}
	}
	for (int i = 0; !readable && i < SYMBOL_COUNT; i++)
		wrapped[i] = true;
}

void real_resolve(void)
{
	const struct link_map *map = elf_module_named("libc.so.6");
	bool wrapped[SYMBOL_COUNT] = { false };
	struct elf_object libc;
	struct real own;

	real_early();
	own = real;
	if (map && elf_read(map, &libc)) {
		test_cancel = (__typeof__(test_cancel))elf_symbol(
			&libc, "pthread_testcancel");
		/* The program may have it as a copy of its own. */
		if (elf_symbol(&libc, "__libc_single_threaded"))
			single_threaded =
				dlsym(RTLD_DEFAULT, "__libc_single_threaded");
	}
	find_wrapped(wrapped, map);
	for (int i = 0; i < SYMBOL_COUNT; i++) {
		void *next;

		/* A miss allocates the text of an error: do not ask. */
		if (!get_pointer(symbols[i].offset) || !wrapped[i])
			continue;
		next = dlsym(RTLD_NEXT, symbols[i].name);
		if (next)
			set_pointer(symbols[i].offset, next);
	}
	real_accept_is_libc = real.accept == own.accept &&
			      real.accept4 == own.accept4;
}
