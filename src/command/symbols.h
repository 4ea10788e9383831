/*
 * From addresses to functions, files and lines, by libdw: inlined calls,
 * separate debug files (build-id, debuglink). Each address is resolved once.
 *
 * Owns: the modules of a run (their files are opened when they are first
 * named, since they may be gone by the end) and the places in them. Used by:
 * session, the renderers. Asks no debuginfod server.
 */
#ifndef COMMAND_SYMBOLS_H
#define COMMAND_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

/* A function, and where in it. */
struct symbol {
	const char *function; /* NULL: not known */
	const char *file;     /* NULL: not known */
	unsigned int line;
	struct symbol *outer; /* the function that this one is inlined into */
};

/* A return address. */
struct place {
	const char *module; /* path of the object; NULL: in none */
	uint64_t offset;    /* in the object's own addresses */
	bool resolved;
	struct symbol *symbol; /* innermost; NULL: not known */
};

struct symbols;

struct symbols *symbols_new(void);
void symbols_free(struct symbols *symbols);

/*
 * The object at path, as process pid sees it, is in use: opens it. May be
 * called again.
 */
void symbols_module(struct symbols *symbols, const char *path, int pid);

/* The one record of this place; module may be NULL. */
struct place *symbols_place(struct symbols *symbols, const char *module,
			    uint64_t offset);

/* A place whose symbol is known from elsewhere: copies the chain. */
void symbols_tell(struct symbols *symbols, struct place *place,
		  const struct symbol *symbol);

/* The symbol at the place, NULL when nothing is known. */
const struct symbol *symbols_resolve(struct symbols *symbols,
				     struct place *place);

/* The last part of a path. */
const char *symbols_base_name(const char *path);

#endif
