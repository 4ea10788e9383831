/*
 * Where a time lies on the timeline. Connections are made and closed within
 * microseconds and then live for minutes: the space between two events grows
 * with the logarithm of the time between them, so that each can be seen.
 *
 * Owns: the times, until scale_end. Called by: the timeline.
 */
#ifndef COMMAND_SCALE_H
#define COMMAND_SCALE_H

#include <stddef.h>
#include <stdint.h>

struct scale {
	uint64_t *times; /* ns, ascending, each once */
	double *places;  /* percent */
	size_t count;
	size_t room;
};

void scale_begin(struct scale *scale);
void scale_add(struct scale *scale, uint64_t time);

/* All times are there: places them. */
void scale_place(struct scale *scale);
void scale_end(struct scale *scale);

/* 0 to 100; what lies outside is put at the edge. */
double scale_at(const struct scale *scale, uint64_t time);

/* The time at a place. */
uint64_t scale_time(const struct scale *scale, double place);

#endif
