#include "shim/stack.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unwind.h>

#include "kernel/raw.h"
#include "ring/layout.h"
#include "shim/elf.h"
#include "shim/feed.h"
#include "shim/frames.h"
#include "shim/initial.h"
#include "shim/interceptor.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/settings.h"

enum {
	TABLE_SIZE = 8192,     /* stacks that are stored at most */
	PROBES_MAX = 64,       /* a full table must not cost more */
	ARENA_WORDS = 1 << 18, /* 2 MiB of addresses, touched as used */
};

/* A stack in the arena: its hash, its length, its frames. */
struct stored {
	uint64_t hash;
	uint64_t count;
	uintptr_t frames[];
};

static __typeof__(_Unwind_Backtrace) *unwind_backtrace;
static __typeof__(_Unwind_GetIPInfo) *unwind_get_ip;
static __typeof__(_Unwind_GetCFA) *unwind_get_cfa;

static _Atomic uint32_t table[TABLE_SIZE]; /* offset in the arena, 0: free */
static _Atomic uint32_t arena_used = 1;
static uint64_t *_Atomic arena;

/* A stack while libgcc unwinds it. */
struct trace {
	const void *place; /* the first frame that is wanted */
	const void *base;  /* what lies below is the unwinder's own */
	unsigned int own;  /* frames above that, and not wanted */
	unsigned int count;
	uintptr_t frames[STACK_FRAMES_MAX];
};

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context,
				     void *argument)
{
	struct trace *trace = argument;
	int unused = 0;
	uintptr_t address = unwind_get_ip(context, &unused);

	if (address == 0)
		return _URC_END_OF_STACK;
	if (trace->count == 0 && address != (uintptr_t)trace->place) {
		trace->own += unwind_get_cfa(context) > (uintptr_t)trace->base;
		return trace->own > FRAMES_OWN_MAX ? _URC_END_OF_STACK
						   : _URC_NO_REASON;
	}
	trace->frames[trace->count++] = address;
	return trace->count == settings.depth ? _URC_END_OF_STACK
					      : _URC_NO_REASON;
}

static void unwind(struct trace *trace, const void *base, const void *place)
{
	trace->place = place;
	trace->base = base;
	trace->own = 0;
	trace->count = 0;
	unwind_backtrace(add_frame, trace);
}

/*
 * A library of its own name space cannot clash with the host's: if the host
 * has libgcc_s it is the same one, and its exceptions stay with it.
 */
void stack_start(void)
{
	struct trace warm;
	void *libgcc;

	if (settings.stacks == STACKS_OFF ||
	    !dlsym(RTLD_DEFAULT, "_dl_find_object"))
		return;
	libgcc = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!libgcc)
		return;
	unwind_get_ip =
		(__typeof__(unwind_get_ip))dlsym(libgcc, "_Unwind_GetIPInfo");
	unwind_backtrace = (__typeof__(unwind_backtrace))dlsym(
		libgcc, "_Unwind_Backtrace");
	unwind_get_cfa =
		(__typeof__(unwind_get_cfa))dlsym(libgcc, "_Unwind_GetCFA");
	if (!unwind_get_ip || !unwind_get_cfa)
		unwind_backtrace = NULL;
	initial_start();
	frames_start((frames_find_fde *)dlsym(libgcc, "_Unwind_Find_FDE"));
	/* The first call sets up what the later ones only read. */
	if (unwind_backtrace)
		unwind(&warm, NULL, NULL);
}

static uint64_t hash_of(const uintptr_t *frames, unsigned int count)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (unsigned int i = 0; i < count; i++)
		hash = (hash ^ frames[i]) * 0x100000001b3 + (hash >> 29);
	return hash;
}

static uint64_t *get_arena(void)
{
	uint64_t *memory = atomic_load(&arena);
	uint64_t *expected = NULL;
	long at;

	if (memory || process_sandboxed())
		return memory;
	at = raw_call6(SYS_mmap, 0, ARENA_WORDS * sizeof(uint64_t),
		       PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at < 0 && at > -4096)
		return NULL;
	if (atomic_compare_exchange_strong(&arena, &expected, (uint64_t *)at))
		return (uint64_t *)at;
	raw_call3(SYS_munmap, at, ARENA_WORDS * sizeof(uint64_t), 0);
	return expected;
}

void stack_reserve(void)
{
	get_arena();
}

/* again.c has that many bits for one. */
_Static_assert(ARENA_WORDS <= 1 << 24, "a stack's number has 24 bits");

static const struct stored *stored_at(uint32_t offset)
{
	return (const struct stored *)(atomic_load(&arena) + offset);
}

static uint32_t store(uint64_t *memory, uint64_t hash, const uintptr_t *frames,
		      unsigned int count)
{
	uint32_t offset = atomic_load(&arena_used);
	struct stored *stored;

	do {
		if (offset + 2 + count > ARENA_WORDS)
			return 0;
	} while (!atomic_compare_exchange_weak(&arena_used, &offset,
					       offset + 2 + count));
	stored = (struct stored *)(memory + offset);
	stored->hash = hash;
	stored->count = count;
	memcpy(stored->frames, frames, count * sizeof(*frames));
	return offset;
}

/* Finds the stack, or stores it: *stored. 0 when there is no room. */
static stack_id find_or_store(const uintptr_t *frames, unsigned int count,
			      bool *stored)
{
	uint64_t hash = hash_of(frames, count);
	uint64_t *memory = get_arena();
	uint32_t mine = 0;

	*stored = false;
	for (unsigned int i = 0; memory && i < PROBES_MAX; i++) {
		_Atomic uint32_t *slot = &table[(hash + i) % TABLE_SIZE];
		uint32_t offset = atomic_load(slot);

		if (offset == 0) {
			if (mine == 0)
				mine = store(memory, hash, frames, count);
			if (mine == 0)
				return 0;
			if (atomic_compare_exchange_strong(slot, &offset,
							   mine)) {
				*stored = true;
				return mine;
			}
		}
		if (stored_at(offset)->hash == hash)
			return offset;
	}
	return 0;
}

static stack_id intern(const uintptr_t *frames, unsigned int count)
{
	bool stored;
	stack_id id = find_or_store(frames, count, &stored);

	if (stored)
		feed_stack(id, frames, count);
	return id;
}

stack_id stack_told(const uintptr_t *frames, unsigned int count)
{
	bool stored;

	return find_or_store(frames, count, &stored);
}

static __attribute__((noinline)) stack_id capture_from(const void *place)
{
	const void *base = __builtin_frame_address(0);
	struct trace trace;

	trace.count = frames_walk(base, place, trace.frames, settings.depth);
	if (trace.count == 0)
		unwind(&trace, base, place);
	if (trace.count == 0)
		return intern((const uintptr_t *)&place, 1);
	return intern(trace.frames, trace.count);
}

/*
 * Stacks of one frame, found by that: the number in the lowest 24 bits, above
 * it the place but for its lowest 8 bits, which tell where it stands here. Only
 * who has stored a stack puts it here: an interceptor's has more frames, and
 * that may take a while to learn.
 */
static _Atomic uint64_t single[256];

static stack_id find_single(const void *place)
{
	uintptr_t address = (uintptr_t)place;
	uint64_t word = atomic_load_explicit(&single[address % 256],
					     memory_order_acquire);

	return word >> 24 == address / 256 ? word & 0xffffff : 0;
}

static void keep_single(const void *place, stack_id id)
{
	uintptr_t address = (uintptr_t)place;

	atomic_store_explicit(&single[address % 256],
			      (uint64_t)(address / 256) << 24 | id,
			      memory_order_release);
}

static __attribute__((noinline)) stack_id store_single(const void *place)
{
	bool stored;
	stack_id id = find_or_store((const uintptr_t *)&place, 1, &stored);

	if (stored && unwind_backtrace && interceptor_learn(place))
		return capture_from(place);
	if (stored) {
		feed_stack(id, (const uintptr_t *)&place, 1);
		keep_single(place, id);
	}
	return id;
}

stack_id stack_brief(const void *place)
{
	stack_id id;

	if (!place || settings.stacks == STACKS_OFF)
		return 0;
	if (unwind_backtrace && settings.stacks == STACKS_ALL)
		return capture_from(place);
	id = find_single(place);
	if (id)
		return id;
	if (unwind_backtrace && interceptor_has(place))
		return capture_from(place);
	return store_single(place);
}

stack_id stack_full(const void *place)
{
	if (!place)
		return 0;
	if (settings.stacks == STACKS_OFF || !unwind_backtrace)
		return intern((const uintptr_t *)&place, 1);
	return capture_from(place);
}

const uintptr_t *stack_frames(stack_id id, unsigned int *count)
{
	*count = 0;
	if (id == 0)
		return NULL;
	*count = (unsigned int)stored_at(id)->count;
	return stored_at(id)->frames;
}

void stack_add(struct text *text, const char *indent, stack_id id)
{
	unsigned int count;
	const uintptr_t *frames = stack_frames(id, &count);

	if (feed_attached() && id != 0) {
		text_add_bytes(text, &(char){ RING_STACK_MARK }, 1);
		text_add_number(text, id);
		text_add(text, " ");
		text_add(text, indent);
		text_add(text, "\n");
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		text_add(text, indent);
		text_add(text, "#");
		text_add_number(text, i);
		text_add(text, " ");
		report_add_place(text, (const void *)frames[i]);
		text_add(text, "\n");
	}
}
