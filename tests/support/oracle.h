/*
 * The kernel's tracepoint sock:inet_sock_set_state, recorded in a tracefs
 * instance of its own, and held against the library's log.
 *
 * Used by: tests of stories and of real programs. Needs root; without it, or
 * without tracefs, oracle_start is false and the test has to skip.
 */
#ifndef SUPPORT_ORACLE_H
#define SUPPORT_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

struct oracle {
	char instance[128];
	char *text; /* what was recorded, after oracle_stop */
};

bool oracle_start(struct oracle *oracle);
void oracle_stop(struct oracle *oracle);
void oracle_free(struct oracle *oracle);

/*
 * "LISTEN>SYN_RCVD>ESTABLISHED": what the kernel did with the socket of these
 * ports (peer 0: the listener). Its states are named as in RFC 9293. The step
 * CLOSED>SYN_SENT is missing: the kernel announces it before it has chosen a
 * local port. Static text.
 */
const char *oracle_path(const struct oracle *oracle, int local, int peer);

struct comparison {
	int connections; /* in the log */
	int transitions; /* of them, compared */
	int unseen;      /* the kernel's, that the log does not have */
	int crossings;   /* a FIN that crossed a close: known limit */
	int guesses;     /* ends that the log calls "likely" */
	int contradictions;
	int unmatched; /* connections the kernel does not know */
};

/*
 * Every connection of the log against the kernel. A contradiction is told on
 * standard error. The shadow may stop early (unseen); its steps into TIME_WAIT
 * are the kernel's into CLOSED, where a small stand-in takes over.
 */
struct comparison oracle_compare(const struct oracle *oracle, const char *log);

#endif
