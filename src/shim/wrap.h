/*
 * What every file of wrappers begins with. After this header, functions that
 * are not static are exported; libc functions that would allocate, lock or
 * print are out of bounds.
 *
 * A wrapper looks the descriptor up; an untracked one is handed on by a tail
 * call. It never holds anything across the real call: siglongjmp and
 * pthread_cancel out of a blocked call leave nothing behind.
 */
#ifndef SHIM_WRAP_H
#define SHIM_WRAP_H

#include "model/call.h"
#include "shim/closing.h"
#include "shim/observe.h"
#include "shim/process.h"
#include "shim/real.h"
#include "shim/table.h"

#define RETURN_ADDRESS __builtin_return_address(0)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/*
 * The reference behind a descriptor, 0 when it is not followed. A number whose
 * socket was closed is looked at first: used again, or used after close?
 */
static inline uint64_t followed(int fd, enum call call, const void *place)
{
	uint64_t entry = table_entry(fd);

	if (likely(!(entry & TABLE_GRAVE)))
		return entry;
	return closing_visit(fd, entry, call, place);
}

/*
 * The data path, where instructions are counted (tests/bench). A descriptor
 * that is not followed is handed to libc by a tail call, before anything needs
 * a stack frame. What has to be known after the call is kept in memory: saving
 * registers to make room for it would cost more. What is not the common case is
 * a function of its own, out of line.
 */
#define KEEP(variable) __asm__("" : "+m"(variable))
#define OUT_OF_LINE __attribute__((noinline))

static inline bool is_reference(uint64_t entry)
{
	return (int64_t)entry > 0;
}

/* The same, where the call is learned from afterwards in any case. */
static inline void check_number(int fd, enum call call, const void *place)
{
	(void)followed(fd, call, place);
}

#pragma GCC poison malloc calloc realloc free printf fprintf snprintf getenv
#pragma GCC visibility push(default)

#endif
