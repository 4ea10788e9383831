/*
 * From which address a connection would be made.
 *
 * Called by: ephemeral-exhausted. Not on the data path. Async-signal-safe,
 * allocates nothing, leaves errno alone, borrows a descriptor while it runs.
 * Nothing is sent: it is a UDP socket that is connected.
 */
#ifndef KERNEL_ROUTE_H
#define KERNEL_ROUTE_H

#include "model/text.h"

/*
 * The local address that the routes give toward the peer; the family is 0 when
 * there is none. What a socket is bound to, its device and its mark are not
 * regarded.
 */
void route_source(const struct address *peer, struct address *source);

#endif
