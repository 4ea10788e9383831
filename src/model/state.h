/*
 * The TCP states and their names.
 *
 * Owns: the table of states.def. Called by: everybody.
 * Pure: no I/O, no allocation, async-signal-safe.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

/*
 * ST_UNKNOWN is a socket that was adopted and not yet looked up. It is zero so
 * that zeroed memory is valid, and it is never printed as a TCP state.
 */
enum tcp_state {
	ST_UNKNOWN,
#define STATE(name, kernel, kernel_name, ss_name, meaning) ST_##name,
#include "model/states.def"
#undef STATE
	ST_COUNT
};

/* "ESTABLISHED"; "UNKNOWN" outside the table. */
const char *state_name(enum tcp_state state);

/* One sentence on what the state means, "" outside the table. */
const char *state_meaning(enum tcp_state state);

/* The value and name of <linux/tcp_states.h>, and the name that ss takes. */
unsigned int state_kernel(enum tcp_state state);
const char *state_kernel_name(enum tcp_state state);
const char *state_ss_name(enum tcp_state state);

/*
 * The state for a value of tcpi_state or idiag_state (<linux/tcp_states.h>).
 * TCP_NEW_SYN_RECV (12) is SYN_RCVD, TCP_BOUND_INACTIVE (13) is CLOSED,
 * anything unheard of is ST_UNKNOWN.
 */
enum tcp_state state_from_kernel(unsigned int value);

/* The state of that name, ST_UNKNOWN if there is none. */
enum tcp_state state_from_name(const char *name);

#endif
