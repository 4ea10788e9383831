/* Waiting for a condition, instead of sleeping and hoping. */
#ifndef SUPPORT_WAIT_H
#define SUPPORT_WAIT_H

#include <stdbool.h>

/* Asks every 2 ms until it is true; false after timeout ms. */
bool wait_for(bool (*condition)(void *), void *argument, int timeout);

#endif
