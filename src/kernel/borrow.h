/*
 * Descriptors that the library holds for some microseconds, against fork(): a
 * child that is made meanwhile would keep a copy for good. So a fork waits
 * until none is held, and who wants one waits until the fork is over.
 *
 * Called by: whoever opens something for a lookup or a line of the log, as the
 * innermost thing it does; the fork wrappers. Meanwhile all signals are
 * blocked: a handler that does not come back would leave it open. Both waits
 * give up after a while, so nothing can hang here: the child has a descriptor
 * more then. (A list of what is held would not do: fork() copies the
 * descriptors first and the memory later.)
 *
 * Lock-free, async-signal-safe, allocates nothing, leaves errno alone.
 */
#ifndef KERNEL_BORROW_H
#define KERNEL_BORROW_H

#include <stdint.h>

/* Returns the mask of signals, for borrow_end. Not to be nested. */
uint64_t borrow_begin(void);
void borrow_end(uint64_t mask);

/* Around fork(), in the parent. */
void borrow_forking(void);
void borrow_forked(void);

/* In the child: nobody else is there. */
void borrow_in_child(void);

#endif
