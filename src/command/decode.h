/*
 * From the ring's records to the session.
 *
 * Called by: cmd_run. The records come from programs that may be hostile or
 * dying: every number is checked, what makes no sense is counted and left out.
 */
#ifndef COMMAND_DECODE_H
#define COMMAND_DECODE_H

#include "command/executions.h"
#include "command/modules.h"
#include "command/session.h"
#include "ring/read.h"

struct decoder {
	struct session *session;
	uint64_t bad;  /* records that made no sense */
	uint64_t pids; /* the command's PID namespace */
	struct modules modules;
	struct pending_exec *execs;
};

void decoder_begin(struct decoder *decoder, struct session *session);
void decoder_end(struct decoder *decoder);
void decode(struct decoder *decoder, const struct ring_record *record);

#endif
