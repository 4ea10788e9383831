/*
 * Which object lies at which base in which process of a run.
 *
 * Owns: the table. Called by: decode.
 */
#ifndef COMMAND_MODULES_H
#define COMMAND_MODULES_H

#include "command/session.h"

struct modules {
	void *tree; /* by process and base */
};

void modules_free(struct modules *modules);

/* The process (its number) has told what lies there; the newest word counts. */
void modules_add(struct modules *modules, uint32_t process, uint64_t base,
		 struct object *object);

/*
 * The object, NULL when nobody has told: not the process, and not those that it
 * was forked from. Base 0 is in no object.
 */
struct object *modules_find(const struct modules *modules,
			    const struct process *process, uint64_t base);

#endif
