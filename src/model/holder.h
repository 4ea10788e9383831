/*
 * The classes of what holds a port.
 *
 * Owns: the table of holders.def. Pure, async-signal-safe.
 */
#ifndef MODEL_HOLDER_H
#define MODEL_HOLDER_H

enum holder_class {
#define HOLDER(name, text, remedy) HOLDER_##name,
#include "model/holders.def"
#undef HOLDER
	HOLDER_COUNT
};

/* "time-wait" */
const char *holder_name(enum holder_class class);

/* What cures this class, one sentence. */
const char *holder_remedy(enum holder_class class);

#endif
