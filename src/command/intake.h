/*
 * Takes records out of the ring in time. To make a session of them, and reports
 * of that, takes longer than to write them: while the ring fills, its records
 * are copied to memory first, which is as fast as writing them.
 *
 * Owns: the ring's reading side, and what has been copied. Called by: cmd_run.
 */
#ifndef COMMAND_INTAKE_H
#define COMMAND_INTAKE_H

#include "ring/read.h"

struct intake {
	struct ring_reader ring;
	struct ring_record record; /* that intake_next has taken */
	struct saved *first;
	struct saved **last;
	size_t saved; /* bytes */
};

/* The ring must have been made. */
void intake_begin(struct intake *intake);
void intake_end(struct intake *intake);

/*
 * The next record, in order, if it begins before slot `end` (ring_end). False
 * when there is none. skip: as for ring_read.
 */
bool intake_next(struct intake *intake, uint64_t end, bool skip);

/* Is there more than can wait? */
bool intake_is_behind(const struct intake *intake);

#endif
