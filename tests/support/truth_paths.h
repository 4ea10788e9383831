/*
 * What the two halves of truth.c share: the paths of sockets, as the kernel and
 * as the library tell them. truth_kernel.c records the kernel's.
 */
#ifndef SUPPORT_TRUTH_PATHS_H
#define SUPPORT_TRUTH_PATHS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "model/state.h"
#include "ring/read.h"

enum { SLOTS = 1 << 19, RUN = 0x7257, ADDRESSES = 1 << 16 };

struct step {
	double time; /* CLOCK_MONOTONIC, seconds */
	enum tcp_state from;
	enum tcp_state to;
	bool likely; /* says that it was not seen, but guessed */
};

/* A socket of the kernel's, or what one process recorded of it. */
struct path {
	uint64_t cookie;  /* 0: not yet known */
	uint64_t address; /* of the kernel's struct sock */
	uint32_t process; /* number in the run */
	int pid;
	struct step *steps;
	size_t count;
	int32_t older;  /* the one before in its hash, and one */
	uint16_t local; /* ports */
	uint16_t peer;
	double released; /* closed here, and still held by others: when */
	bool destroyed;
	bool followed; /* by some process */
};

/* Of the kernel's recording. */
struct event {
	struct step step;
	uint64_t address;
	uint64_t cookie; /* the end of the socket, else 0 */
	size_t number;
	uint16_t local;
	uint16_t peer;
};

struct process {
	uint32_t number;
	double end; /* 0: no word of it */
	double exec;
};

extern struct truth {
	char instance[128];
	char variable[128];
	struct ring_reader reader;
	int ring_fd;
	FILE *pipe;                 /* the trace, as it comes */
	int32_t last_at[ADDRESSES]; /* the newest socket of a hash, and one */
	double offset;              /* CLOCK_REALTIME less CLOCK_MONOTONIC */
	bool lost;                  /* events of the kernel's */
	pthread_t collector;
	atomic_bool stop;
	struct event *events;
	size_t event_count;
	struct path *kernel;
	size_t kernel_count;
	struct path *shadow;
	size_t shadow_count;
	struct process *processes;
	size_t process_count;
} truth;

/* Appends a step, unless it is none. */
void truth_add_step(struct path *path, struct step step);

bool truth_kernel_start(const char *filter);

/* Reads what there is. */
void truth_kernel_read(void);

/* No more events from here on. */
void truth_kernel_stop(void);

/* Ends it, and makes the paths. */
void truth_kernel_end(void);

#endif
