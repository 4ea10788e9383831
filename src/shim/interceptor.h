/*
 * Calls that come through a sanitizer's interceptor: a program built with
 * -fsanitize has its own accept(), which calls ours. The caller that the
 * program knows is one frame further out.
 *
 * Called by: stack. Async-signal-safe, allocates nothing, leaves errno alone.
 */
#ifndef SHIM_INTERCEPTOR_H
#define SHIM_INTERCEPTOR_H

#include <stdbool.h>

/* Is it one of the return addresses that interceptor_learn has found? */
bool interceptor_has(const void *place);

/* Looks where a return address lies that was not seen before. Some 100 us. */
bool interceptor_learn(const void *place);

#endif
