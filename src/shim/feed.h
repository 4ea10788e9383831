/*
 * What goes to the ring of `tcpshadow run`, when there is one.
 *
 * Owns: the mapping, and this process's number in the run. Called by: process
 * (start, fork, exec, end), stack, report. Not on the data path. Lock-free,
 * async-signal-safe after feed_start, allocates nothing, leaves errno alone;
 * no system call but at the start of a process.
 */
#ifndef SHIM_FEED_H
#define SHIM_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/socket.h"
#include "model/event.h"

struct feed_finding {
	const struct subject *subject;
	enum rule rule;
	uint32_t stack;
	bool last;       /* of its rule that will be told */
	bool suppressed; /* by the library */
	uint32_t about;  /* of the findings of this stack; 0: there is one */
	const char *message;
	const char *details;
	const char *help;
};

/*
 * Maps the ring that the option names, and says that the process has begun,
 * with what arguments.
 */
void feed_start(char *const arguments[]);

/* Is there a ring? Then nothing is written as text. */
bool feed_attached(void);

/* In a forked child: a number of its own. */
void feed_forked(void);

/* The end of the process. */
void feed_end(void);

/*
 * A program is about to be executed by the process child (0: by this one, which
 * may run on its parent's memory). path is what the program gave: it need not
 * point anywhere.
 */
void feed_exec(int child, const char *path);

/* It was not. */
void feed_exec_failed(void);

/* A stack that was stored under a new number. */
void feed_stack(uint32_t id, const uintptr_t *frames, unsigned int count);

/* The stack is the one that made the socket, in whatever program. */
void feed_birth(uint32_t id, uint64_t cookie);

void feed_walk(const struct walk *walk);

/*
 * Some walks will follow soon: the slots that they will go to, which the reader
 * has in its cache, are fetched while the kernel is at work.
 */
void feed_prepare(void);

/* A call has closed the socket here, and no walk says so. */
void feed_closed(uint64_t cookie, uint32_t stack);

/* This process has closed the socket; another one still holds it. */
void feed_released(uint64_t cookie);

/* A socket was there when the program began; or that has been used now. */
void feed_inherited(uint64_t cookie, int fd, bool used);

/* The process ends, and that throws away so many bytes, which resets. */
void feed_unread(uint64_t cookie, uint32_t bytes);

/* What the connection has carried, as of its close or its process's end. */
void feed_counters(uint64_t cookie, const struct kernel_counters *counters);

void feed_finding(const struct feed_finding *finding);

/* untold: at places of which no finding was told; without a stack. */
void feed_again(enum rule rule, uint32_t stack, uint32_t about, uint32_t count,
		bool untold);

void feed_message(const char *text);

/* The program has named a socket, or taken the name ("") away. */
void feed_name(uint64_t cookie, int fd, const char *name);

/* The process has gone to another network namespace. */
void feed_network(void);

/* The program has marked this point in time. */
void feed_mark(const char *label);

#endif
