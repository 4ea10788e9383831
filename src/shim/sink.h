/*
 * Where the library's text goes: standard error or a file.
 *
 * Called by: report, settings. Async-signal-safe, allocates nothing, leaves
 * errno alone, holds no descriptor, raises no signal in the host (a broken
 * standard error neither kills it by SIGPIPE, nor a full file by SIGXFSZ).
 */
#ifndef SHIM_SINK_H
#define SHIM_SINK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Looks at the destination once, while the host has not yet touched its
 * descriptors. A socket of TCP on descriptor 2 is no place to write to: what
 * goes there goes to the peer.
 */
void sink_start(void);

/* One write for the whole text. What cannot be written is counted. */
void sink_write(const char *text, size_t length);

/* Is the destination a terminal, so that colour makes sense? */
bool sink_is_terminal(void);

/* Texts that could not be written since this was last asked. */
unsigned int sink_take_lost(void);

#endif
