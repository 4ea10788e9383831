/*
 * What the library has to say: transitions and findings, and their text.
 *
 * Called by: report (shim), tests. Pure, async-signal-safe.
 */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/call.h"
#include "model/machine.h"
#include "model/rule.h"
#include "model/text.h"

/* What a transition rests on. */
enum evidence {
	EVIDENCE_CALL,     /* the result of a call proves it */
	EVIDENCE_KERNEL,   /* it was looked up */
	EVIDENCE_INFERRED, /* it must have happened on the way */
};

enum role {
	ROLE_NONE,
	ROLE_ACTIVE,  /* connected: `->` */
	ROLE_PASSIVE, /* accepted: `<-` */
};

/* With the closing NUL. */
enum { SUBJECT_NAME_SIZE = 32, MARK_LABEL_SIZE = 128 };

/* One descriptor's connection, as every line begins. */
struct subject {
	int pid;
	int fd; /* -1: none */
	enum role role;
	struct address local;
	struct address peer;
	uint64_t cookie;              /* SO_COOKIE, 0: none */
	char name[SUBJECT_NAME_SIZE]; /* that the program gave it, or "" */
};

struct transition {
	struct subject subject;
	const struct edge *edge;
	enum evidence evidence;
	bool likely; /* the kernel shows the end of the step, not its reason */
	enum call call;
	long result;
	int error;   /* errno when result is -1 */
	long unread; /* bytes that were thrown away by the close, or 0 */
};

/*
 * The steps that one look has shown, from the oldest on. As small as can be: it
 * goes to the ring as it is.
 */
struct walk {
	uint64_t cookie;
	int64_t result; /* of the call, and its errno when that is -1 */
	int error;
	int fd;
	int unread;         /* bytes that the close throws away, or 0 */
	uint32_t born;      /* stack of the call that made the socket, or 0 */
	uint32_t closed_by; /* ... of its close */
	struct address local;
	struct address peer;
	uint16_t call;    /* enum call */
	uint8_t role;     /* enum role */
	uint8_t evidence; /* of the last step; the others are inferred */
	uint8_t likely;   /* 1: the last step is */
	uint8_t closes;   /* 1: the call has closed the socket here */
	uint8_t length;
	uint8_t rows[MACHINE_WALK_MAX]; /* of machine_edges */
};

struct finding {
	struct subject subject;
	enum rule rule;
	const char *message; /* one line */
	const char *stack;   /* lines, each ended by a newline, or "" */
	const char *details; /* lines, each ended by a newline, or "" */
	const char *help;    /* one line, or "" */
	bool color;
};

/* The step of that number, below the walk's length; without the name. */
struct transition event_step(const struct walk *walk, unsigned int number);

/* "tcpshadow: 21858 fd 4 127.0.0.1:5188 <- 127.0.0.1:42555 ...\n" */
void event_add_transition(struct text *text, const struct transition *t);

/* What the step rests on, and its reason: "read() = 0, the peer has closed" */
void event_add_cause(struct text *text, const struct transition *t);

/* "tcpshadow: 21858 error: ... [slug]\n    ...\n    help: ...\n" */
void event_add_finding(struct text *text, const struct finding *finding);

/* "fd 4 127.0.0.1:5188 <- 127.0.0.1:42555", the name behind the number */
void event_add_subject(struct text *text, const struct subject *subject);

/* "fd 4 127.0.0.1:5188": of a listener that is all there is to say. */
void event_add_local(struct text *text, const struct subject *subject);

/* Gives the subject a name, cut to its size; NULL: none. */
void event_name_subject(struct subject *subject, const char *name);

/*
 * "tcpshadow: 21858 mark at 09:41:12.000417 UTC: LABEL\n"; time in ns since
 * 1970. The label is printable.
 */
void event_add_mark(struct text *text, int pid, uint64_t time,
		    const char *label);

/* "ECONNRESET", or the number where there is no name. */
void event_add_error(struct text *text, int error);

/* "read() = -1 ECONNRESET" */
void event_add_result(struct text *text, enum call call, long result,
		      int error);

#endif
