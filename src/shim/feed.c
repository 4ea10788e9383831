#include "shim/feed.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/uio.h>
#include <time.h>

#include "kernel/raw.h"
#include "ring/append.h"
#include "shim/elf.h"
#include "shim/process.h"
#include "shim/program.h"
#include "shim/reach.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/stack.h"

enum {
	PATH_SIZE = 512,
	NAME_SIZE = 256,
	ARGUMENTS_SIZE = 2048,
	MODULES_MAX = 256
};

static struct ring *_Atomic ring;
static uint32_t slots;          /* that it has */
static _Atomic uint32_t number; /* of this process in the run */

/* Objects that the other side has heard of; open addressing, never shrinks. */
static _Atomic uintptr_t told[MODULES_MAX];

bool feed_attached(void)
{
	return atomic_load_explicit(&ring, memory_order_relaxed) != NULL;
}

static struct ring_head head_now(void)
{
	struct timespec now;

	real_clock_gettime(CLOCK_REALTIME, &now);
	return (struct ring_head){
		.time = (uint64_t)now.tv_sec * 1000000000 +
			(uint64_t)now.tv_nsec,
		.process = atomic_load(&number),
		.pid = process_id(),
	};
}

static void append(enum ring_kind kind, const struct ring_part *parts,
		   unsigned int count)
{
	struct ring *mapped = atomic_load(&ring);

	if (mapped)
		ring_append(mapped, slots, kind, parts, count);
}

static struct ring_part text_part(const char *text)
{
	return (struct ring_part){ text, strlen(text) + 1 };
}

static int parent_pid(void)
{
	return process_sandboxed() ? 0 : (int)raw_call3(SYS_getppid, 0, 0, 0);
}

static void say_start(uint32_t parent, uint32_t flags, const char *program,
		      const char *name, const char *arguments, size_t size)
{
	struct ring_start start = {
		.head = head_now(),
		.parent_pid = parent_pid(),
		.parent = parent,
		.flags = flags,
		.seen_pid = reach_pid(),
		.network = flags & RING_FORKED ? 0 : reach_namespace("net"),
	};
	struct ring_part parts[] = { { &start, sizeof(start) },
				     text_part(program),
				     text_part(name),
				     { arguments, size } };

	if (start.seen_pid != start.head.pid && !process_sandboxed())
		start.pids = reach_namespace("pid");
	append(RING_START, parts, 4);
}

static void take_number(struct ring *mapped)
{
	atomic_store(&number, atomic_fetch_add(&mapped->processes, 1) + 1);
}

void feed_start(char *const arguments[])
{
	char joined[ARGUMENTS_SIZE];
	char program[PATH_SIZE];
	char name[NAME_SIZE];
	struct ring *mapped;
	size_t size;

	if (strcmp(settings.ring, "none") == 0 || getauxval(AT_SECURE))
		return;
	mapped = reach_ring(settings.ring, &slots);
	if (!mapped)
		return;
	take_number(mapped);
	atomic_store(&ring, mapped);
	program_path(program, sizeof(program));
	program_name(name, sizeof(name), arguments, program);
	size = program_arguments(joined, sizeof(joined), arguments);
	say_start(0, 0, program, name, joined, size);
}

void feed_forked(void)
{
	struct ring *mapped = atomic_load(&ring);
	uint32_t parent = atomic_load(&number);

	if (!mapped)
		return;
	reach_forked();
	take_number(mapped);
	say_start(parent, RING_FORKED, "", "", "", 0);
}

void feed_end(void)
{
	struct ring_end end = { .head = head_now() };
	struct ring_part part = { &end, sizeof(end) };

	append(RING_END, &part, 1);
}

/*
 * The program's own text, which may be anything: read as the kernel reads it, a
 * page at a time, so that a bad pointer is the kernel's affair.
 */
static void copy_foreign(char *copy, size_t size, const char *text)
{
	uintptr_t known = UINTPTR_MAX;
	size_t length = 0;

	while (text && !process_sandboxed() && length < size - 1 &&
	       raw_can_read_on(text + length, &known) && text[length]) {
		copy[length] = text[length];
		length++;
	}
	copy[length] = '\0';
}

static int own_pid(void)
{
	return process_sandboxed() ? process_id() : raw_getpid();
}

void feed_exec(int child, const char *path)
{
	struct ring_exec exec;
	char copy[PATH_SIZE];

	if (!feed_attached())
		return;
	copy_foreign(copy, sizeof(copy), path);
	exec = (struct ring_exec){ .head = head_now(),
				   .child = child ? child : own_pid() };

	struct ring_part parts[] = { { &exec, sizeof(exec) }, text_part(copy) };

	append(RING_EXEC, parts, 2);
}

void feed_exec_failed(void)
{
	struct ring_exec exec;
	struct ring_part part = { &exec, sizeof(exec) };

	if (!feed_attached())
		return;
	exec = (struct ring_exec){ .head = head_now(), .child = own_pid() };
	append(RING_EXEC_FAILED, &part, 1);
}

static void say_module(const struct link_map *map, const struct build *build)
{
	struct ring_module module = { .head = head_now(),
				      .base = map->l_addr + 1,
				      .build = *build };
	char program[PATH_SIZE];
	const char *path = map->l_name;

	/* The main program's link map has no name; the kernel knows it. */
	if (!path[0] && !process_sandboxed()) {
		program_path(program, sizeof(program));
		path = program;
	}

	struct ring_part parts[] = { { &module, sizeof(module) },
				     text_part(path) };

	append(RING_MODULE, parts, 2);
}

/*
 * Says once what lies at this base. The address of the link map and the build
 * are part of the key, so that another object at the same place is told too.
 */
static void tell_module(const struct link_map *map, const char *call)
{
	uintptr_t key = map->l_addr ^ (uintptr_t)map;
	struct build build = elf_build(map, call);
	uintptr_t word;

	memcpy(&word, build.bytes, sizeof(word));
	key ^= word;
	for (unsigned int i = 0; i < MODULES_MAX; i++) {
		unsigned int slot = (key / 64 + i) % MODULES_MAX;
		uintptr_t found = 0;

		if (atomic_compare_exchange_strong(&told[slot], &found, key))
			break;
		if (found == key)
			return;
	}
	say_module(map, &build);
}

void feed_stack(uint32_t id, const uintptr_t *frames, unsigned int count)
{
	struct ring_frame told_frames[STACK_FRAMES_MAX];
	const struct link_map *last = NULL;
	struct elf_range near = { .map = NULL };
	struct ring_stack stack;

	if (!feed_attached())
		return;
	for (unsigned int i = 0; i < count; i++) {
		const char *call = (const char *)frames[i] - 1;
		const struct link_map *map = elf_module_near(call, &near);

		told_frames[i] = (struct ring_frame){ .address = frames[i] };
		if (!map)
			continue;
		if (map != last)
			tell_module(map, call);
		last = map;
		told_frames[i].base = map->l_addr + 1;
		told_frames[i].address -= map->l_addr;
	}
	stack = (struct ring_stack){ .head = head_now(),
				     .id = id,
				     .count = count };

	struct ring_part parts[] = { { &stack, sizeof(stack) },
				     { told_frames,
				       count * sizeof(*told_frames) } };

	append(RING_STACK, parts, 2);
}

void feed_birth(uint32_t id, uint64_t cookie)
{
	struct ring_birth birth = { .cookie = cookie, .id = id };
	struct ring_part part = { &birth, sizeof(birth) };

	if (!feed_attached())
		return;
	birth.head = head_now();
	append(RING_BIRTH, &part, 1);
}

void feed_walk(const struct walk *walk)
{
	struct ring *mapped = atomic_load(&ring);
	struct ring_walk record = { .head = head_now(), .walk = *walk };

	if (mapped)
		ring_append_two(mapped, slots, RING_WALK, &record);
}

void feed_prepare(void)
{
	struct ring *mapped = atomic_load(&ring);

	if (mapped)
		ring_prepare(mapped, slots);
}

_Static_assert(sizeof(struct ring_walk) == 2 * RING_PAYLOAD, "all of it");

void feed_closed(uint64_t cookie, uint32_t stack)
{
	struct ring_closed closed = { .cookie = cookie, .stack = stack };
	struct ring_part part = { &closed, sizeof(closed) };

	if (!feed_attached() || cookie == 0)
		return;
	closed.head = head_now();
	append(RING_CLOSED, &part, 1);
}

void feed_released(uint64_t cookie)
{
	struct ring_released released = { .cookie = cookie };
	struct ring_part part = { &released, sizeof(released) };

	if (!feed_attached())
		return;
	released.head = head_now();
	append(RING_RELEASED, &part, 1);
}

void feed_inherited(uint64_t cookie, int fd, bool used)
{
	struct ring_inherited record = { .cookie = cookie, .fd = fd };
	struct ring_part part = { &record, sizeof(record) };

	if (!feed_attached())
		return;
	record.head = head_now();
	append(used ? RING_USED : RING_INHERITED, &part, 1);
}

void feed_unread(uint64_t cookie, uint32_t bytes)
{
	struct ring_unread record = { .cookie = cookie, .bytes = bytes };
	struct ring_part part = { &record, sizeof(record) };

	if (!feed_attached())
		return;
	record.head = head_now();
	append(RING_UNREAD, &part, 1);
}

void feed_counters(uint64_t cookie, const struct kernel_counters *counters)
{
	struct ring_counters record = { .cookie = cookie,
					.sent = counters->sent,
					.received = counters->received,
					.retransmits = counters->retransmits };
	struct ring_part part = { &record, sizeof(record) };

	if (!feed_attached())
		return;
	record.head = head_now();
	append(RING_COUNTERS, &part, 1);
}

void feed_finding(const struct feed_finding *finding)
{
	struct ring_finding record = {
		.head = head_now(),
		.cookie = finding->subject->cookie,
		.fd = finding->subject->fd,
		.stack = finding->stack,
		.rule = (uint8_t)finding->rule,
		.role = (uint8_t)finding->subject->role,
		.last = finding->last,
		.suppressed = finding->suppressed,
		.about = finding->about,
		.local = finding->subject->local,
		.peer = finding->subject->peer,
	};
	struct ring_part parts[] = { { &record, sizeof(record) },
				     text_part(finding->message),
				     text_part(finding->details),
				     text_part(finding->help) };

	append(RING_FINDING, parts, 4);
}

void feed_again(enum rule rule, uint32_t stack, uint32_t about, uint32_t count,
		bool untold)
{
	struct ring_again again = { .head = head_now(),
				    .stack = stack,
				    .rule = (uint16_t)rule,
				    .untold = untold,
				    .count = count,
				    .about = about };
	struct ring_part part = { &again, sizeof(again) };

	append(RING_AGAIN, &part, 1);
}

void feed_message(const char *text)
{
	struct ring_message message = { .head = head_now() };
	struct ring_part parts[] = { { &message, sizeof(message) },
				     text_part(text) };

	append(RING_MESSAGE, parts, 2);
}

void feed_name(uint64_t cookie, int fd, const char *name)
{
	struct ring_name record = { .cookie = cookie, .fd = fd };
	struct ring_part parts[] = { { &record, sizeof(record) },
				     text_part(name) };

	if (!feed_attached())
		return;
	record.head = head_now();
	append(RING_NAME, parts, 2);
}

void feed_network(void)
{
	struct ring_network record;
	struct ring_part part = { &record, sizeof(record) };

	if (!feed_attached())
		return;
	record = (struct ring_network){
		.head = head_now(),
		.network = process_sandboxed() ? RING_NETWORK_UNKNOWN
					       : reach_namespace("net"),
	};
	append(RING_NETWORK, &part, 1);
}

void feed_mark(const char *label)
{
	struct ring_mark mark = { .head = head_now() };
	struct ring_part parts[] = { { &mark, sizeof(mark) },
				     text_part(label) };

	append(RING_MARK, parts, 2);
}
