#include "shim/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernel/borrow.h"
#include "kernel/raw.h"
#include "model/text.h"
#include "shim/blind.h"
#include "shim/closing.h"
#include "shim/feed.h"
#include "shim/handover.h"
#include "shim/observe.h"
#include "shim/own_stack.h"
#include "shim/real.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/settings.h"
#include "shim/sink.h"
#include "shim/scratch.h"
#include "shim/stack.h"
#include "shim/suppressed.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/*
 * A page that the kernel empties in a child with memory of its own, however it
 * was made; a child on borrowed memory reads the parent's. Fact and remedy:
 * atfork handlers run for fork() alone.
 */
struct identity {
	_Atomic int alive;
	_Atomic int pid;
};

static struct identity *_Atomic identity;
static _Atomic uint32_t epoch = 1;

static _Atomic uint32_t born;
static _Atomic bool started;
static _Atomic bool lent; /* our memory, since this process began */
static _Atomic bool child_leaves_network;
_Atomic bool process_in_sandbox;

uint32_t process_epoch(void)
{
	return atomic_load(&epoch);
}

uint32_t process_born(void)
{
	return atomic_load(&born);
}

bool process_started(void)
{
	return atomic_load(&started);
}

void process_forking(void)
{
	atomic_fetch_add(&epoch, 1);
}

void process_lending(void)
{
	atomic_store(&lent, true);
}

void process_child_leaves_network(bool leaves)
{
	atomic_store(&child_leaves_network, leaves);
}

uint32_t clock_now(void)
{
	struct timespec now;
	uint32_t ms;

	real_clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	ms = (uint32_t)now.tv_sec * 1000 + (uint32_t)(now.tv_nsec / 1000000);
	return ms ? ms : 1;
}

static void enter_child(struct identity *self)
{
	/* In a sandbox nothing is printed, so nobody will miss it. */
	atomic_store(&self->pid, process_sandboxed() ? 0 : raw_getpid());
	atomic_store(&self->alive, 1);
	atomic_store(&lent, false);
	process_forking();
	atomic_store(&born, process_epoch());
	report_forget_repetitions();
	blind_forget();
	scratch_reset();
	borrow_in_child();
	feed_forked();
	for (unsigned int slot = 0; slot < ghost_end(); slot++) {
		uint64_t ref = ghost_at(slot);

		/* The parent tells their story. */
		if (ref)
			sock_flag(ref, SOCK_SILENT_GHOST, SOCK_HELD_SAID);
	}
	if (atomic_exchange(&child_leaves_network, false))
		observe_left_network();
}

bool process_owns_memory(void)
{
	struct identity *self = atomic_load(&identity);

	if (!self)
		return true;
	if (atomic_load(&self->alive) == 0) {
		enter_child(self);
		return true;
	}
	if (!atomic_load_explicit(&lent, memory_order_relaxed) ||
	    process_sandboxed())
		return true;
	return raw_getpid() == atomic_load(&self->pid);
}

int process_id(void)
{
	const struct identity *self = atomic_load(&identity);

	if (self && atomic_load(&self->alive))
		return atomic_load(&self->pid);
	return process_sandboxed() ? 0 : raw_getpid();
}

/* What a forked child has inherited and left alone is its parent's story. */
static uint64_t settles(int fd)
{
	uint64_t ref = table_find(fd);

	return ref && sock_of(ref)->touched >= process_born() ? ref : 0;
}

/* The end of a process must not take long, however many sockets it has. */
static void settle_descriptors(const struct sight *sight)
{
	enum { LOOKS_MAX = 4096 };
	int highest = table_highest();
	int looked = -1;
	int looks = 0;

	for (int fd = 0; fd <= highest; fd++) {
		uint64_t ref = settles(fd);

		if (!ref)
			continue;
		if (looks++ >= LOOKS_MAX) {
			blind_count(BLIND_NOT_SETTLED);
			continue;
		}
		closing_look(fd, ref, sight);
		looked = fd;
	}
	for (int fd = 0; sight->call == CALL_NONE && fd <= highest; fd++) {
		uint64_t ref = settles(fd);

		if (ref)
			rule_open_at_exit(fd, ref, fd <= looked);
	}
}

/* Sockets that the process closed, and that others hold. */
static void settle_held(void)
{
	if (process_sandboxed())
		return;
	rule_ask_held_at_exit();
	for (unsigned int slot = 0; slot < ghost_end(); slot++) {
		uint64_t ref = ghost_at(slot);

		if (ref)
			rule_held_at_exit(ref);
	}
}

/* What /proc/self/fd has, until each returns false. */
static void each_descriptor(bool (*each)(long directory, const char *name,
					 void *argument),
			    void *argument)
{
	_Alignas(struct raw_entry) char buffer[4096];
	long directory = raw_call6(SYS_openat, AT_FDCWD, (long)"/proc/self/fd",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	bool more = directory >= 0;
	long got;

	while (more && (got = raw_call3(SYS_getdents64, directory, (long)buffer,
					sizeof(buffer))) > 0) {
		for (long at = 0; more && at < got;) {
			const struct raw_entry *entry =
				(const void *)(buffer + at);

			at += entry->length;
			more = each(directory, entry->name, argument);
		}
	}
	if (directory >= 0)
		raw_close((int)directory);
}

struct ring_search {
	int looks;
	bool found;
};

static bool look_for_ring(long directory, const char *name, void *argument)
{
	enum { LOOKS_MAX = 256 };
	static const char ring[] = "anon_inode:[io_uring]";
	struct ring_search *search = argument;
	char link[sizeof(ring)];

	if (table_find((int)text_number(name)))
		return ++search->looks < LOOKS_MAX;
	search->found = raw_call6(SYS_readlinkat, directory, (long)name,
				  (long)link, sizeof(link), 0,
				  0) == sizeof(ring) - 1 &&
			memcmp(link, ring, sizeof(ring) - 1) == 0;
	return !search->found && ++search->looks < LOOKS_MAX;
}

/* liburing sets its rings up without libc: of a program with sockets, ask. */
static void find_ring(void)
{
	struct ring_search search = { .found = false };
	uint64_t mask;

	if (process_sandboxed() || table_highest() < 0)
		return;
	mask = borrow_begin();
	each_descriptor(look_for_ring, &search);
	borrow_end(mask);
	if (search.found)
		blind_io_uring();
}

void process_settle(enum call call)
{
	struct sight sight = { .call = call };
	int saved = errno;

	if (!process_owns_memory())
		return;
	settle_descriptors(&sight);
	if (call == CALL_NONE)
		settle_held();
	observe_ghosts(call, 0);
	if (call == CALL_NONE)
		find_ring();
	report_repetitions();
	blind_summary();
	if (call == CALL_NONE)
		feed_end();
	errno = saved;
}

static void make_identity(void)
{
	long page = raw_call6(SYS_mmap, 0, sizeof(struct identity),
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct identity *self = (struct identity *)page;

	if (page < 0 && page > -4096)
		return;
	raw_call3(SYS_madvise, page, sizeof(struct identity), MADV_WIPEONFORK);
	atomic_store(&self->pid, raw_getpid());
	atomic_store(&self->alive, 1);
	atomic_store(&identity, self);
}

/* Sockets that came over an exec. */
static bool adopt(long directory, const char *name, void *unused)
{
	int fd = (int)text_number(name);
	uint64_t ref = fd >= 0 && fd != directory && !table_find(fd)
			       ? observe_adopt(fd)
			       : 0;

	(void)unused;
	if (ref) {
		sock_flag(ref, SOCK_INHERITED, 0);
		feed_inherited(sock_of(ref)->cookie, fd, false);
	}
	return true;
}

/* The dynamic loader passes what main() will get (elf/dl-init.c). */
__attribute__((constructor)) static void process_start(int count,
						       char **arguments)
{
	int saved = errno;

	(void)count;
	own_stack_start(arguments);
	settings_read(environ);
	real_resolve();
	make_identity();
	sink_start();
	feed_start(arguments);
	stack_start();
	settings_complain();
	suppressed_start();
	handover_read(environ);
	atomic_store(&started, true);
	each_descriptor(adopt, NULL);
	errno = saved;
}

__attribute__((destructor)) static void process_end(void)
{
	process_settle(CALL_NONE);
}
