#include "model/state.h"

#include <stddef.h>
#include <string.h>

enum { KERNEL_NEW_SYN_RECV = 12, KERNEL_BOUND_INACTIVE = 13 };

static const struct {
	const char *name;
	const char *meaning;
	unsigned int kernel;
} states[ST_COUNT] = {
	[ST_UNKNOWN] = { .name = "UNKNOWN", .meaning = "" },
#define STATE(n, k, m) [ST_##n] = { .name = #n, .meaning = m, .kernel = k },
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
