/*
 * What the library says: each transition, each finding.
 *
 * Called by: observe, closing, the rules. Not on the data path.
 * Async-signal-safe, allocates nothing, leaves errno alone.
 */
#ifndef SHIM_REPORT_H
#define SHIM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "shim/observe.h"
#include "shim/scratch.h"
#include "shim/sock.h"

/* The ends of a socket as a line shows them. */
struct subject report_subject(const struct sock *sock, int fd);

/* A subject that is about the process alone. */
struct subject report_process(void);

/* Ends a line of details: why the kernel's table is not in them. */
void report_add_unasked(struct text *text, int error);

/* A line about the library's own settings. */
void report_message(const struct text *message);

void report_walk(const struct walk *walk);

/* A line of the program's own: here it was. */
void report_mark(const char *label);

/*
 * A finding is made in three steps: begin, write its texts, end.
 *
 * report_begin returns false when the same rule has been found with the same
 * stack before (then it is counted), when the rule has been found too often,
 * or when there is no room to work in. place is the return address of the call
 * that is to blame; NULL: none is, each such finding is one of its own. message
 * is one line; details are lines, each ended by a newline; help is one line;
 * any of them may stay empty but the message.
 */
struct report {
	enum rule rule;
	struct subject subject;
	uint32_t stack;
	struct again *again; /* NULL: it is one of its own */
	bool last;           /* of its rule that will be shown */
	bool suppressed;     /* only the command is told, which counts it */
	struct scratch *scratch;
};

bool report_begin(struct report *report, enum rule rule,
		  const struct subject *subject, const void *place);

/*
 * The same for what is told once for each address at a place, until the rule
 * has been found too often.
 */
bool report_begin_about(struct report *report, enum rule rule,
			const struct subject *subject, const void *place,
			const struct address *address);

/*
 * The same for what is found long after the call that is to blame, the birth of
 * a socket or its close: the stack that was kept. 0: it is not known, and all
 * such findings of the rule are one.
 */
bool report_begin_at(struct report *report, enum rule rule,
		     const struct subject *subject, uint32_t stack);
void report_end(struct report *report);

/* Was the rule found at this place before? */
bool report_has(enum rule rule, const void *place);

/* A finding whose texts are constant. */
void report_plain(enum rule rule, const struct subject *subject,
		  const void *place, const char *message, const char *help);

/* Says how often each finding came again; at the end of the process. */
void report_repetitions(void);

/* In a forked child: what was counted so far is the parent's. */
void report_forget_repetitions(void);

/* "module+0x123 (function)" of the call before a return address. */
void report_add_place(struct text *text, const void *place);

#endif
