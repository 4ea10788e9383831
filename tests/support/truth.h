/*
 * The shadow held against the kernel, socket by socket: the library's records
 * (it is run with a ring) and the tracepoints sock:inet_sock_set_state and
 * tcp:tcp_destroy_sock are joined by the socket's cookie.
 *
 * Used by: tests/real/truth_test. Needs root and tracefs; without, truth_start
 * is false and the test has to skip.
 */
#ifndef SUPPORT_TRUTH_H
#define SUPPORT_TRUTH_H

#include <stdbool.h>

/* Why the kernel's step is not in the library's records. */
enum unseen {
	UNSEEN_BEFORE,       /* the process came to the socket later */
	UNSEEN_AFTER_END,    /* the process had ended by then */
	UNSEEN_AFTER_EXEC,   /* ... had executed another program */
	UNSEEN_KILLED,       /* ... was killed, or ended without a word */
	UNSEEN_ELSEWHERE,    /* another process of the run has recorded it */
	UNSEEN_RELEASED,     /* closed here, and another process had it */
	UNSEEN_DROPPED,      /* closed, and only the newest ghosts are kept */
	UNSEEN_GUESSED,      /* an end that the log calls "likely" */
	UNSEEN_NEVER,        /* no call came after it */
	UNSEEN_NOT_ACCEPTED, /* the socket never had a descriptor */
	UNSEEN_NOT_FOLLOWED, /* the socket of a program without the library */
	UNSEEN_COUNT
};

struct truth_sum {
	int connections; /* socket and process */
	int transitions; /* compared, and equal */
	int contradictions;
	int crossings; /* a FIN that crossed a close, see docs/limits.md */
	int unmatched; /* the kernel knows no such socket */
	int unseen[UNSEEN_COUNT];
	bool lost; /* a buffer was too small: nothing follows from this */
};

/*
 * *variable is for the environment of run_start, valid until truth_end. The
 * filter is one of tracefs for the states' tracepoint, NULL: none.
 */
bool truth_start(const char **variable, const char *filter);

/* Ends the recording, and compares. Contradictions go to standard error. */
struct truth_sum truth_end(void);

/* One line of the table: "table: name | ..." on standard error. */
void truth_print(const char *name, const struct truth_sum *sum);

#endif
