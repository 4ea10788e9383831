/*
 * Room to work in. Hooks run on whatever stack the host has given them (a
 * coroutine, an alternate signal stack of a few KiB), so nothing large may live
 * there, and malloc is out of bounds.
 *
 * Called by: what explains (findings, dumps of the kernel's table). Not on the
 * data path. Lock-free, async-signal-safe. Never held across a real call. The
 * thread hears no signal while it has one: a handler that jumps out would keep
 * it for ever.
 */
#ifndef SHIM_SCRATCH_H
#define SHIM_SCRATCH_H

#include "kernel/holders.h"
#include "model/text.h"

struct scratch {
	uint64_t mask; /* of signals, before it was taken */
	struct text message;
	struct text details;
	struct text help;
	char message_space[512];
	char details_space[8192];
	char help_space[1024];
	char stack_space[8192];
	char output_space[20480];
	struct holders holders;
	_Alignas(16) char reply[DIAG_REPLY_SIZE]; /* of the kernel */
};

/* One of a few; NULL when all are in use: then say nothing, and count. */
struct scratch *scratch_take(void);
void scratch_give(struct scratch *scratch);

/* In a forked child: what other threads held is free again. */
void scratch_reset(void);

#endif
