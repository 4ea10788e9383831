/*
 * The life of the process: start, fork, sandbox, end.
 *
 * Owns: what the library knows about the process it lives in. Called by: the
 * constructor and destructor, the process wrappers, and every call that changes
 * the descriptor table. Async-signal-safe after process_start.
 */
#ifndef SHIM_PROCESS_H
#define SHIM_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/call.h"

/*
 * How often the process has (or may have) been duplicated. A socket that is
 * older than that may be held by another process too.
 */
uint32_t process_epoch(void);

/* The epoch in which this process began: older sockets are its parent's. */
uint32_t process_born(void);

/* Around whatever may start a child that inherits descriptors: before, after. */
void process_forking(void);

/*
 * From here on there may be a child that runs on this process's memory (vfork,
 * clone with CLONE_VM).
 */
void process_lending(void);

/* Around a call that makes a child in a network namespace of its own. */
void process_child_leaves_network(bool leaves);

/*
 * May the caller change the library's memory? False in a child that borrows its
 * parent's memory until it executes another program: such a child must be left
 * alone. In a child with memory of its own that was not announced (a system
 * call) this is the moment when it is noticed. Costs a getpid (0.2 us) once
 * memory was lent, so it is asked only where the table changes.
 */
bool process_owns_memory(void);

/*
 * Has the constructor run, as far as findings need it? Sockets of constructors
 * that run earlier are followed already, with all options zero; nothing is
 * told, and nothing may count as told.
 */
bool process_started(void);

/* The process id, as every line shows it. */
int process_id(void);

/*
 * Is a seccomp filter in force that the program installed itself? Then the
 * library makes no system call of its own, and replaces none.
 */
extern _Atomic bool process_in_sandbox;

static inline bool process_sandboxed(void)
{
	return atomic_load_explicit(&process_in_sandbox, memory_order_relaxed);
}

/* Milliseconds by the coarse monotonic clock, never 0 (10 ns, no call). */
uint32_t clock_now(void);

/*
 * The end of the process, as far as it can be seen, or the end of its memory
 * (exec): settles what is still open and the ghosts with the kernel.
 */
void process_settle(enum call call);

#endif
