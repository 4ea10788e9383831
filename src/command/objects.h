/*
 * The files of the objects (programs, libraries) that a run's stacks lie in.
 * They are opened when they are first named, since they may be gone by the end;
 * and only a file that is the very build that the process had mapped is looked
 * into, since another one may have taken its name.
 *
 * Owns: the files, and libdw's reading of them. Called by: symbols.
 */
#ifndef COMMAND_OBJECTS_H
#define COMMAND_OBJECTS_H

#include <elfutils/libdwfl.h>

#include "model/build.h"

/* One build of the object at a path. */
struct object;

struct objects {
	void *tree;
	unsigned int open_files;
};

void objects_free(struct objects *objects);

/*
 * The build of the object at path, as process pid sees it; what differs is
 * another object.
 */
struct object *objects_find(struct objects *objects, const char *path, int pid,
			    const struct build *build);

/* As the process named it. */
const char *object_path(const struct object *object);

/* NULL when its file is gone, or is another one now. */
Dwfl_Module *object_module(struct objects *objects, struct object *object);

#endif
