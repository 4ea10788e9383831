/*
 * How a process gets at the ring of `tcpshadow run`, and what it is called
 * there.
 *
 * The option is PATH:RUN,NAME,KEY,FILTERS, numbers in hexadecimal. PATH leads
 * to the command's descriptor, and is open to processes of the same user and
 * privileges that see the same /proc. Whoever else is of the run asks the
 * command for it (ring/handout.h), unless he is under more seccomp filters than
 * the command.
 *
 * Called by: feed. The first call opens and closes descriptors, and may wait
 * for the command (2 s at most) where the path is not open. Async-signal-safe,
 * allocates nothing, leaves errno alone.
 */
#ifndef SHIM_REACH_H
#define SHIM_REACH_H

#include <stdint.h>

#include "ring/layout.h"

/*
 * The ring that the option names, mapped, and how many slots it has; NULL:
 * none, or out of reach.
 */
struct ring *reach_ring(const char *option, uint32_t *slots);

/*
 * The id of this process in the command's PID namespace; 0: nothing tells. To
 * be asked after reach_ring, and again in each child.
 */
int reach_pid(void);

/* In a forked child: it is another process. */
void reach_forked(void);

/* The inode of this process's namespace of that name ("pid", "net"), or 0. */
uint64_t reach_namespace(const char *name);

#endif
