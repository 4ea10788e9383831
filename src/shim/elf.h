/*
 * Symbols of loaded objects, read in place: no lock is taken, nothing is
 * allocated, no file is opened.
 *
 * Called by: real (before the constructor), stack (names in findings). Not on
 * the data path. Async-signal-safe. Sees dynamic symbols only.
 */
#ifndef SHIM_ELF_H
#define SHIM_ELF_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/build.h"

/*
 * The loaded object around an address; NULL when there is none. Uses glibc's
 * lock-free _dl_find_object (2.35); on an older glibc dladdr1, which takes the
 * loader's lock.
 */
const struct link_map *elf_module(const void *address);

/*
 * The same for many addresses, of which most lie in the object of the one
 * before. Begins as all zero.
 */
struct elf_range {
	const void *start;
	const void *end;
	const struct link_map *map;
};
const struct link_map *elf_module_near(const void *address,
				       struct elf_range *last);

/* The loaded object whose file is called name, NULL if there is none. */
const struct link_map *elf_module_named(const char *name);

/*
 * Which build of the object around an address is mapped, as its own headers
 * tell: the file of that name may be another by now. All zero when they do not.
 */
struct build elf_build(const struct link_map *map, const void *address);

/* The parts of a loaded object that a lookup needs, for many lookups. */
struct elf_object {
	ElfW(Addr) base;
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *hash; /* DT_GNU_HASH */
	const uint16_t *versions;
};
bool elf_read(const struct link_map *map, struct elf_object *object);

/* As DT_GNU_HASH has it. */
uint32_t elf_hash(const char *name);

/* The default version of a defined symbol, NULL if there is none. */
void *elf_symbol(const struct elf_object *object, const char *name);

/* The same, for who looks for a name in many objects. */
void *elf_symbol_hashed(const struct elf_object *object, const char *name,
			uint32_t hash);

/*
 * The name of the function around an address, NULL when the dynamic symbols do
 * not tell. Walks all of the object's symbols.
 */
const char *elf_function(const struct link_map *map, const void *address);

/* The file name of the object without its directory; never NULL. */
const char *elf_module_name(const struct link_map *map);

#endif
