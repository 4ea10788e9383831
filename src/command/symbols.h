/*
 * From addresses to functions, files and lines, by libdw: inlined calls,
 * separate debug files (build-id, debuglink). Each address is resolved once.
 *
 * Owns: the objects of a run and the places in them. Used by: session, decode,
 * read_frame, the renderers. Asks no debuginfod server.
 */
#ifndef COMMAND_SYMBOLS_H
#define COMMAND_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/build.h"

/* A function, and where in it. */
struct symbol {
	const char *function; /* NULL: not known */
	const char *file;     /* NULL: not known */
	unsigned int line;
	struct symbol *outer; /* the function that this one is inlined into */
};

struct object;

/* A return address. */
struct place {
	const char *module; /* path of the object, printable; NULL: in none */
	struct object *object; /* NULL: in none, or of a stored run */
	uint64_t offset;       /* in the object's own addresses */
	bool resolved;
	struct symbol *symbol; /* innermost; NULL: not known */
};

struct symbols;

struct symbols *symbols_new(void);
void symbols_free(struct symbols *symbols);

/*
 * The object at path, as process pid sees it, is in use, in that build. May be
 * called again. Lives as long as the symbols.
 */
struct object *symbols_object(struct symbols *symbols, const char *path,
			      int pid, const struct build *build);

/* The one record of this place; object may be NULL. */
struct place *symbols_place(struct symbols *symbols, struct object *object,
			    uint64_t offset);

/*
 * A place of a stored run, with its symbol: copies the chain. Another build of
 * the object may have another one there.
 */
struct place *symbols_told(struct symbols *symbols, const char *module,
			   uint64_t offset, const struct symbol *symbol);

/* The symbol at the place, NULL when nothing is known. */
const struct symbol *symbols_resolve(struct symbols *symbols,
				     struct place *place);

#endif
