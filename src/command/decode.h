/*
 * From the ring's records to the session.
 *
 * Called by: cmd_run. The records come from programs that may be hostile or
 * dying: every number is checked, what makes no sense is counted and left out.
 */
#ifndef COMMAND_DECODE_H
#define COMMAND_DECODE_H

#include "command/modules.h"
#include "command/session.h"
#include "ring/read.h"

struct decoder {
	struct session *session;
	uint64_t bad; /* records that made no sense */
	struct modules modules;
	struct pending_exec *execs;
};

/* A program that was to be executed, and has not been heard of since. */
struct pending_exec {
	struct pending_exec *next;
	struct process *process; /* that asked for it */
	int pid;                 /* that executes it */
	char *path;              /* as it was given */
};

void decoder_begin(struct decoder *decoder, struct session *session);
void decoder_end(struct decoder *decoder);
void decode(struct decoder *decoder, const struct ring_record *record);

#endif
