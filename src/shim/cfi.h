/*
 * Call frame information: how to get from a function's frame to its caller's,
 * at one address (DWARF 5 section 6.4; .eh_frame as in the LSB core
 * specification, section "Exception Frames").
 *
 * Called by: frames. Reads the tables of loaded objects in place. x86-64 alone.
 * Async-signal-safe, allocates nothing, makes no system call.
 */
#ifndef SHIM_CFI_H
#define SHIM_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* Offsets in words of eight bytes. The CFA is where the caller's frame begins;
 * the return address lies below it. */
struct cfi_rule {
	bool outermost;   /* there is no caller; the rest is 0 */
	bool by_pointer;  /* the CFA counts from the frame pointer (rbp), */
	uint32_t cfa;     /* ... or from the stack pointer: so far above it */
	uint32_t pointer; /* the caller's rbp is so far below the CFA; 0: rbp */
};

enum cfi_answer {
	CFI_RULE,
	CFI_NONE,  /* no function there has a description */
	CFI_OTHER, /* it says more than fits: a signal's frame, one aligned anew
		    */
};

/* What an object's table (PT_GNU_EH_FRAME) says of an address. */
enum cfi_answer cfi_find(const void *table, uintptr_t address,
			 struct cfi_rule *rule);

#endif
