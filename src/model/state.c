#include "model/state.h"

#include <stddef.h>
#include <string.h>

enum { KERNEL_NEW_SYN_RECV = 12, KERNEL_BOUND_INACTIVE = 13 };

static const struct {
	const char *name;
	const char *meaning;
	const char *kernel_name;
	const char *ss_name;
	unsigned int kernel;
} states[ST_COUNT] = {
	[ST_UNKNOWN] = { .name = "UNKNOWN",
			 .meaning = "",
			 .kernel_name = "",
			 .ss_name = "" },
#define STATE(n, k, kn, sn, m)          \
	[ST_##n] = { .name = #n,        \
		     .meaning = m,      \
		     .kernel_name = kn, \
		     .ss_name = sn,     \
		     .kernel = k },
#include "model/states.def"
#undef STATE
};

const char *state_name(enum tcp_state state)
{
	return states[state < ST_COUNT ? state : ST_UNKNOWN].name;
}

const char *state_meaning(enum tcp_state state)
{
	return states[state < ST_COUNT ? state : ST_UNKNOWN].meaning;
}

unsigned int state_kernel(enum tcp_state state)
{
	return states[state < ST_COUNT ? state : ST_UNKNOWN].kernel;
}

const char *state_kernel_name(enum tcp_state state)
{
	return states[state < ST_COUNT ? state : ST_UNKNOWN].kernel_name;
}

const char *state_ss_name(enum tcp_state state)
{
	return states[state < ST_COUNT ? state : ST_UNKNOWN].ss_name;
}

enum tcp_state state_from_kernel(unsigned int value)
{
	if (value == KERNEL_NEW_SYN_RECV)
		return ST_SYN_RCVD;
	if (value == KERNEL_BOUND_INACTIVE)
		return ST_CLOSED;
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		if (states[i].kernel == value)
			return i;
	}
	return ST_UNKNOWN;
}

enum tcp_state state_from_name(const char *name)
{
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		if (strcmp(states[i].name, name) == 0)
			return i;
	}
	return ST_UNKNOWN;
}
