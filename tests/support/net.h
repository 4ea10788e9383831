/* A network of the test's own, and a port that is free in it. */
#ifndef SUPPORT_NET_H
#define SUPPORT_NET_H

#include <stdbool.h>

/*
 * Moves the calling process into a new network namespace with its loopback up,
 * where every port is free. False without the privilege.
 */
bool net_isolate(void);

/* A port that nobody has bound on 127.0.0.1. */
int net_free_port(void);

#endif
