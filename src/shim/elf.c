#include "shim/elf.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "kernel/raw.h"
#include "model/text.h"
#include "shim/process.h"

/* The parts of DT_GNU_HASH. */
struct hash_table {
	uint32_t bloom_count; /* a power of two */
	uint32_t bloom_shift;
	const ElfW(Addr) * bloom;
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

const struct link_map *elf_module_near(const void *address,
				       struct elf_range *last)
{
	struct dl_find_object object;

	if (address >= last->start && address < last->end)
		return last->map;
	if (!_dl_find_object)
		return elf_module(address);
	if (_dl_find_object((void *)(uintptr_t)address, &object) != 0)
		return NULL;
	*last = (struct elf_range){ .start = object.dlfo_map_start,
				    .end = object.dlfo_map_end,
				    .map = object.dlfo_link_map };
	return last->map;
}

/*
 * The main program may begin before its first page (what the loader keeps is
 * rounded down to the alignment of its segments): its program headers lead to
 * the start, where that is on the same page.
 */
static const void *program_start(void)
{
	enum { PAGE = 4096 };
	uintptr_t headers = getauxval(AT_PHDR);

	if (headers % PAGE < sizeof(ElfW(Ehdr)))
		return NULL;
	return (const void *)(headers - sizeof(ElfW(Ehdr)));
}

/* Where the object's ELF header is, NULL if that is not known. */
static const void *start_of(const struct link_map *map, const void *address)
{
	struct dl_find_object object;
	struct link_map *unused;
	Dl_info info;

	if (!map->l_name[0])
		return program_start();
	if (_dl_find_object)
		return _dl_find_object((void *)(uintptr_t)address, &object) == 0
			       ? object.dlfo_map_start
			       : NULL;
	return dladdr1(address, &info, (void **)&unused, RTLD_DL_LINKMAP)
		       ? info.dli_fbase
		       : NULL;
}

/* Are the notes in memory, and may they be read? */
static bool is_mapped(const ElfW(Phdr) * segments, unsigned int count,
		      const ElfW(Phdr) * notes)
{
	for (unsigned int i = 0; i < count; i++) {
		const ElfW(Phdr) *segment = &segments[i];
		ElfW(Addr) into = notes->p_vaddr - segment->p_vaddr;

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_R &&
		    notes->p_vaddr >= segment->p_vaddr &&
		    notes->p_filesz <= segment->p_filesz &&
		    into <= segment->p_filesz - notes->p_filesz)
			return true;
	}
	return false;
}

struct build elf_build(const struct link_map *map, const void *address)
{
	enum { PAGE = 4096 };
	const ElfW(Ehdr) *header = start_of(map, address);
	struct build build = { .size = 0 };
	const ElfW(Phdr) * segments;
	size_t size;

	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_phoff != sizeof(*header) ||
	    header->e_phentsize != sizeof(*segments))
		return build;
	size = header->e_phnum * sizeof(*segments);
	/* What lies on one page with the start is mapped for certain. */
	if ((uintptr_t)header % PAGE + sizeof(*header) + size > PAGE)
		return build;
	segments = (const void *)(header + 1);
	for (unsigned int i = 0; i < header->e_phnum; i++) {
		const ElfW(Phdr) *notes = &segments[i];

		if (notes->p_type == PT_NOTE &&
		    is_mapped(segments, header->e_phnum, notes) &&
		    build_from_notes(
			    &build,
			    (const void *)(map->l_addr + notes->p_vaddr),
			    notes->p_filesz))
			return build;
	}
	build_add_headers(&build, header, sizeof(*header));
	build_add_headers(&build, segments, size);
	return build;
}

const struct link_map *elf_module_named(const char *name)
{
	const struct link_map *map = _r_debug.r_map;

	while (map && strcmp(text_base_name(map->l_name), name) != 0)
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
	/* Of no bucket nothing can be looked up. */
	return object->symbols && object->strings && object->hash &&
	       object->hash[0] > 0;
}

static struct hash_table read_hash(const struct elf_object *object)
{
	uint32_t bloom_words = object->hash[2];
	const uint32_t *buckets =
		object->hash + 4 + bloom_words * (sizeof(ElfW(Addr)) / 4);

	return (struct hash_table){ .bloom_count = bloom_words,
				    .bloom_shift = object->hash[3],
				    .bloom = (const void *)(object->hash + 4),
				    .bucket_count = object->hash[0],
				    .first = object->hash[1],
				    .buckets = buckets,
				    .chains = buckets + object->hash[0] };
}

uint32_t elf_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* One load tells of most names that they are not there. */
static bool may_have(const struct hash_table *table, uint32_t hash)
{
	enum { BITS = 8 * sizeof(ElfW(Addr)) };
	ElfW(Addr) word = table->bloom[hash / BITS & (table->bloom_count - 1)];

	return word >> hash % BITS &
	       word >> (hash >> table->bloom_shift) % BITS & 1;
}

void *elf_symbol_hashed(const struct elf_object *object, const char *name,
			uint32_t hash)
{
	enum { HIDDEN_VERSION = 0x8000 };
	struct hash_table table = read_hash(object);
	uint32_t index;

	if (!may_have(&table, hash))
		return NULL;
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

void *elf_symbol(const struct elf_object *object, const char *name)
{
	return elf_symbol_hashed(object, name, elf_hash(name));
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
	return text_base_name(path);
}

const char *elf_module_name(const struct link_map *map)
{
	return map->l_name[0] ? text_base_name(map->l_name) : program_name();
}
