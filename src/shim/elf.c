#include "shim/elf.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "kernel/raw.h"
#include "shim/process.h"

/* The parts of DT_GNU_HASH. */
struct hash_table {
	uint32_t bucket_count;
	uint32_t first; /* index of the first symbol in the chains */
	const uint32_t *buckets;
	const uint32_t *chains;
};

#pragma weak _dl_find_object

const struct link_map *elf_module(const void *address)
{
	struct link_map *map = NULL;
	struct dl_find_object object;
	Dl_info info;

	if (_dl_find_object) {
		if (_dl_find_object((void *)(uintptr_t)address, &object) == 0)
			map = object.dlfo_link_map;
		return map;
	}
	if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP))
		return NULL;
	return map;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const struct link_map *elf_module_named(const char *name)
{
	const struct link_map *map = _r_debug.r_map;

	while (map && strcmp(base_name(map->l_name), name) != 0)
		map = map->l_next;
	return map;
}

/* ld.so relocates d_ptr in place on most machines, not on all. */
static const void *pointer_of(const struct link_map *map,
			      const ElfW(Dyn) * entry)
{
	ElfW(Addr) value = entry->d_un.d_ptr;

	if (value < map->l_addr)
		value += map->l_addr;
	return (const void *)value;
}

bool elf_read(const struct link_map *map, struct elf_object *object)
{
	*object = (struct elf_object){ .base = map->l_addr };
	if (!map->l_ld)
		return false;
	for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL;
	     entry++) {
		if (entry->d_tag == DT_SYMTAB)
			object->symbols = pointer_of(map, entry);
		if (entry->d_tag == DT_STRTAB)
			object->strings = pointer_of(map, entry);
		if (entry->d_tag == DT_GNU_HASH)
			object->hash = pointer_of(map, entry);
		if (entry->d_tag == DT_VERSYM)
			object->versions = pointer_of(map, entry);
	}
	return object->symbols && object->strings && object->hash;
}

static struct hash_table read_hash(const struct elf_object *object)
{
	uint32_t bloom_words = object->hash[2];
	const uint32_t *buckets =
		object->hash + 4 + bloom_words * (sizeof(ElfW(Addr)) / 4);

	return (struct hash_table){ .bucket_count = object->hash[0],
				    .first = object->hash[1],
				    .buckets = buckets,
				    .chains = buckets + object->hash[0] };
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

void *elf_symbol(const struct elf_object *object, const char *name)
{
	enum { HIDDEN_VERSION = 0x8000 };
	struct hash_table table = read_hash(object);
	uint32_t hash = gnu_hash(name);
	uint32_t index;

	index = table.buckets[hash % table.bucket_count];
	if (index < table.first)
		return NULL;
	for (;; index++) {
		const ElfW(Sym) *symbol = &object->symbols[index];
		uint32_t chain = table.chains[index - table.first];
		bool hidden = object->versions &&
			      object->versions[index] & HIDDEN_VERSION;

		if ((chain | 1) == (hash | 1) && !hidden && symbol->st_value &&
		    strcmp(object->strings + symbol->st_name, name) == 0)
			return (void *)(object->base + symbol->st_value);
		if (chain & 1)
			return NULL;
	}
}

static bool covers(const struct elf_object *object, const ElfW(Sym) * symbol,
		   ElfW(Addr) address)
{
	ElfW(Addr) start = object->base + symbol->st_value;

	/* The low bits of st_info are the type on 32 and 64 bits alike. */
	return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
	       symbol->st_shndx != SHN_UNDEF && address >= start &&
	       address < start + symbol->st_size;
}

const char *elf_function(const struct link_map *map, const void *address)
{
	struct hash_table table;
	struct elf_object object;

	if (!elf_read(map, &object))
		return NULL;
	table = read_hash(&object);
	for (uint32_t bucket = 0; bucket < table.bucket_count; bucket++) {
		uint32_t index = table.buckets[bucket];

		if (index < table.first)
			continue;
		for (;; index++) {
			const ElfW(Sym) *symbol = &object.symbols[index];

			if (covers(&object, symbol, (ElfW(Addr))address))
				return object.strings + symbol->st_name;
			if (table.chains[index - table.first] & 1)
				break;
		}
	}
	return NULL;
}

/*
 * The main program's link map has no name; the kernel knows it. Threads that
 * ask at once all write the same bytes; none reads them before the length is
 * there.
 */
static const char *program_name(void)
{
	static char path[256];
	static _Atomic long length;

	if (atomic_load_explicit(&length, memory_order_acquire) <= 0 &&
	    !process_sandboxed())
		atomic_store_explicit(&length,
				      raw_readlink("/proc/self/exe", path,
						   sizeof(path) - 1),
				      memory_order_release);
	if (atomic_load_explicit(&length, memory_order_acquire) <= 0)
		return "program";
	return base_name(path);
}

const char *elf_module_name(const struct link_map *map)
{
	return map->l_name[0] ? base_name(map->l_name) : program_name();
}
