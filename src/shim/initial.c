#include "shim/initial.h"

#include <stdint.h>
#include <string.h>

#include "model/text.h"
#include "shim/elf.h"

enum { OBJECTS_MAX = 256 };

static const struct link_map *objects[OBJECTS_MAX];
static unsigned int object_count;

/* What the loader knows an object by, and what tells most others apart. */
struct names {
	const char *path;
	const char *file;
	const char *own; /* DT_SONAME, or "" */
	uint32_t file_hash;
	uint32_t own_hash;
};

/* ld.so relocates d_ptr in place, but not in the vdso. */
static const char *strings_of(const struct link_map *map)
{
	const ElfW(Dyn) *entry = map->l_ld;
	uintptr_t address;

	while (entry->d_tag != DT_STRTAB && entry->d_tag != DT_NULL)
		entry++;
	if (entry->d_tag == DT_NULL)
		return NULL;
	address = entry->d_un.d_ptr;
	return (const char *)(address < map->l_addr ? address + map->l_addr
						    : address);
}

static struct names names_of(const struct link_map *map)
{
	const char *strings = strings_of(map);
	struct names names = { .path = map->l_name,
			       .file = text_base_name(map->l_name),
			       .own = "" };

	for (const ElfW(Dyn) *entry = map->l_ld;
	     strings && entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_SONAME)
			names.own = strings + entry->d_un.d_val;
	}
	names.file_hash = elf_hash(names.file);
	names.own_hash = elf_hash(names.own);
	return names;
}

static bool has_name(const struct names *known, const char *name, uint32_t hash)
{
	return (known->file_hash == hash && strcmp(known->file, name) == 0) ||
	       (known->own_hash == hash && strcmp(known->own, name) == 0);
}

/* How many there are up to the first of that name; 0: it is not known. */
static unsigned int count_to(const struct names *names, unsigned int count,
			     const char *name)
{
	bool is_path = strchr(name, '/');
	uint32_t hash = elf_hash(name);

	for (unsigned int i = 0; i < count; i++) {
		if (is_path ? strcmp(names[i].path, name) == 0
			    : has_name(&names[i], name, hash))
			return i + 1;
	}
	return 0;
}

/* The last, as a count, of those that this one needs; 0: it needs none. */
static unsigned int count_needed(const struct link_map *map,
				 const struct names *names, unsigned int count)
{
	const char *strings = strings_of(map);
	unsigned int needed = 0;

	for (const ElfW(Dyn) *entry = map->l_ld;
	     strings && entry->d_tag != DT_NULL; entry++) {
		unsigned int last =
			entry->d_tag == DT_NEEDED
				? count_to(names, count,
					   strings + entry->d_un.d_val)
				: 0;

		if (last > needed)
			needed = last;
	}
	return needed;
}

/*
 * The initial objects are the first of the loader's list, up to the last that
 * one of them needs. What a constructor has opened stands behind.
 */
void initial_start(void)
{
	struct names names[OBJECTS_MAX];
	unsigned int count = 0;
	unsigned int initial;

	for (const struct link_map *map = _r_debug.r_map;
	     map && count < OBJECTS_MAX; map = map->l_next) {
		names[count] = names_of(map);
		objects[count++] = map;
	}
	initial = count > 0;
	for (unsigned int i = 0; i < initial; i++) {
		unsigned int needed = count_needed(objects[i], names, count);

		if (needed > initial)
			initial = needed;
	}
	object_count = initial;
}

bool initial_has(const struct link_map *map)
{
	for (unsigned int i = 0; i < object_count; i++) {
		if (objects[i] == map)
			return true;
	}
	return false;
}
