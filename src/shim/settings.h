/*
 * The options as the environment gave them, read once by the constructor.
 *
 * Called by: the shim. After settings_read: constant, async-signal-safe.
 */
#ifndef SHIM_SETTINGS_H
#define SHIM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/option.h"

enum stacks { STACKS_OFF, STACKS_FINDINGS, STACKS_ALL };
enum reuseaddr { REUSEADDR_OFF, REUSEADDR_ON_CONFLICT, REUSEADDR_ALWAYS };

struct settings {
	bool transitions;
	enum reuseaddr reuseaddr;
	uint32_t silence;    /* ms */
	uint32_t close_wait; /* ms */
	bool left_open;
	bool counters;
	enum stacks stacks;
	uint32_t depth;           /* frames of a stack that are kept */
	int color;                /* position among auto, always, never */
	bool no_color;            /* NO_COLOR is set and not empty */
	const char *suppressions; /* a file name, or "none" */
	const char *log;          /* "stderr", "off" or a file name */
	const char *ring;         /* of `tcpshadow run`, or "none" */
};

extern struct settings settings;

/* Reads the environment. Bad values are remembered for settings_complain. */
void settings_read(char *const *environment);

/* One line for each option whose value was bad; through report. */
void settings_complain(void);

#endif
