/*
 * The seccomp filters that this process is under.
 *
 * Called by: shim/reach, at the start of a process; command. Async-signal-safe,
 * allocates nothing, leaves errno alone. Makes calls only that the loader of
 * any program has made: they are allowed.
 */
#ifndef KERNEL_FILTERS_H
#define KERNEL_FILTERS_H

/* How many; -1: it cannot be told (no /proc, a kernel before 5.9). */
int filters_in_force(void);

#endif
