#include "command/objects.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/say.h"
#include "command/symbols.h"
#include "model/text.h"

/* A file, as it was when the process named it; without padding. */
struct identity {
	uint64_t device;
	uint64_t inode;
	int64_t size;
	struct timespec changed;
};

struct object {
	char *path;
	struct build build;
	/* Without a build-id two builds may look the same; else all zero. */
	struct identity file;
	int fd; /* -1: not open */
	Dwfl *dwfl;
	Dwfl_Module *handle; /* NULL until it is needed, or if it failed */
	bool tried;
};

enum { OPEN_FILES_MAX = 256, SEGMENTS_MAX = 256, NOTES_MAX = 65536 };

static void free_object(void *pointer)
{
	struct object *object = pointer;

	if (object->dwfl)
		dwfl_end(object->dwfl);
	if (object->fd >= 0)
		close(object->fd);
	free(object->path);
	free(object);
}

void objects_free(struct objects *objects)
{
	tdestroy(objects->tree, free_object);
	objects->tree = NULL;
}

static int compare(const void *a, const void *b)
{
	const struct object *one = a;
	const struct object *two = b;
	int order = strcmp(one->path, two->path);

	if (order == 0)
		order = memcmp(&one->build, &two->build, sizeof(one->build));
	if (order == 0)
		order = memcmp(&one->file, &two->file, sizeof(one->file));
	return order;
}

/*
 * The path is the program's word: only a plain file is opened, since opening
 * some devices has effects (a watchdog, a tape).
 */
static int open_plain(const char *path)
{
	struct stat status;
	char *again = NULL;
	int place = open(path, O_PATH | O_CLOEXEC);
	int fd = -1;

	if (place >= 0 && fstat(place, &status) == 0 &&
	    S_ISREG(status.st_mode) &&
	    asprintf(&again, "/proc/self/fd/%d", place) >= 0) {
		fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		free(again);
	}
	if (place >= 0)
		close(place);
	return fd;
}

static bool read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	return pread(fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

static bool read_notes(int fd, const ElfW(Phdr) * segment, struct build *build)
{
	void *notes;
	bool found;

	if (segment->p_type != PT_NOTE || segment->p_filesz > NOTES_MAX)
		return false;
	notes = need_memory(malloc(segment->p_filesz + 1));
	found = read_at(fd, notes, segment->p_filesz, segment->p_offset) &&
		build_from_notes(build, notes, segment->p_filesz);
	free(notes);
	return found;
}

/* What elf_build of the library makes of it once it is mapped. */
static struct build build_of(int fd)
{
	ElfW(Phdr) segments[SEGMENTS_MAX];
	struct build build = { .size = 0 };
	ElfW(Ehdr) header;
	size_t size;

	if (!read_at(fd, &header, sizeof(header), 0) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_phentsize != sizeof(segments[0]) ||
	    header.e_phnum > SEGMENTS_MAX)
		return build;
	size = header.e_phnum * sizeof(segments[0]);
	if (!read_at(fd, segments, size, header.e_phoff))
		return build;
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		if (read_notes(fd, &segments[i], &build))
			return build;
	}
	build_add_headers(&build, &header, sizeof(header));
	build_add_headers(&build, segments, size);
	return build;
}

/* What cannot be compared is believed. */
static bool is_it(int fd, const struct build *wanted)
{
	struct build build = build_of(fd);

	return wanted->size == 0 || build_equal(&build, wanted);
}

/* -1 when there is none, or another build. */
static int open_build(const char *path, int pid, const struct build *build)
{
	char *inside = NULL;
	int fd = -1;

	if (path[0] != '/')
		return -1;
	/* The process may live in another root. */
	if (pid > 0 && asprintf(&inside, "/proc/%d/root%s", pid, path) >= 0) {
		fd = open_plain(inside);
		free(inside);
	}
	if (fd < 0)
		fd = open_plain(path);
	if (fd < 0 || is_it(fd, build))
		return fd;
	close(fd);
	return -1;
}

static void identify(struct object *object, int fd)
{
	struct stat status;

	if (object->build.is_id || fd < 0 || fstat(fd, &status) < 0)
		return;
	object->file = (struct identity){ .device = status.st_dev,
					  .inode = status.st_ino,
					  .size = status.st_size,
					  .changed = status.st_mtim };
}

static struct object *find(struct objects *objects, const struct object *key)
{
	struct object **found = tfind(key, &objects->tree, compare);

	return found ? *found : NULL;
}

static struct object *add(struct objects *objects, const struct object *key)
{
	struct object *object = need_memory(malloc(sizeof(*object)));

	*object = *key;
	object->path = need_memory(strdup(key->path));
	object->fd = -1;
	need_memory(tsearch(object, &objects->tree, compare));
	return object;
}

static void keep_open(struct objects *objects, struct object *object, int fd)
{
	if (fd < 0)
		return;
	if (object->fd >= 0 || objects->open_files >= OPEN_FILES_MAX) {
		close(fd);
		return;
	}
	object->fd = fd;
	objects->open_files++;
}

struct object *objects_find(struct objects *objects, const char *path, int pid,
			    const struct build *build)
{
	struct object key = { .path = (char *)path, .build = *build };
	struct object *object = build->is_id ? find(objects, &key) : NULL;
	int fd;

	if (object && (object->fd >= 0 || object->tried))
		return object;
	fd = open_build(path, pid, build);
	identify(&key, fd);
	object = find(objects, &key);
	if (!object)
		object = add(objects, &key);
	keep_open(objects, object, fd);
	return object;
}

const char *object_path(const struct object *object)
{
	return object->path;
}

static void open_module(struct object *object)
{
	static char *debuginfo_path;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &debuginfo_path,
	};
	int fd = object->fd >= 0 ? fcntl(object->fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0)
		return;
	object->dwfl = dwfl_begin(&callbacks);
	if (!object->dwfl) {
		close(fd);
		return;
	}
	dwfl_report_begin(object->dwfl);
	/* Base 0: then addresses are the object's own. libdw takes the fd. */
	object->handle = dwfl_report_elf(object->dwfl,
					 text_base_name(object->path),
					 object->path, fd, 0, true);
	if (!object->handle)
		close(fd);
	dwfl_report_end(object->dwfl, NULL, NULL);
}

Dwfl_Module *object_module(struct objects *objects, struct object *object)
{
	if (object->tried)
		return object->handle;
	/* Then it was not there; what comes late must prove what it is. */
	if (object->fd < 0 && object->build.is_id)
		keep_open(objects, object,
			  open_build(object->path, 0, &object->build));
	object->tried = true;
	open_module(object);
	return object->handle;
}
