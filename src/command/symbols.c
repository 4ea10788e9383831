#include "command/symbols.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <libiberty/demangle.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/objects.h"
#include "command/say.h"

struct known_place {
	struct place place;
	struct known_place *next;
};

struct known_symbol {
	struct symbol symbol;
	struct known_symbol *next;
};

struct symbols {
	struct objects objects;
	void *places; /* tree of struct place, found by their object */
	void *told;   /* likewise, by what a trace has told of them */
	void *texts;  /* tree of char * */
	struct known_place *all_places;
	struct known_symbol *all_symbols;
};

enum { SCOPES_MAX = 64 };

struct symbols *symbols_new(void)
{
	/* A look at a stack is no reason to talk to the network. */
	unsetenv("DEBUGINFOD_URLS");
	return need_memory(calloc(1, sizeof(struct symbols)));
}

static void keep(void *pointer)
{
	(void)pointer;
}

/* All that were added after this one. */
static void forget_symbols(struct symbols *symbols,
			   const struct known_symbol *last)
{
	while (symbols->all_symbols != last) {
		struct known_symbol *symbol = symbols->all_symbols;

		symbols->all_symbols = symbol->next;
		free(symbol);
	}
}

void symbols_free(struct symbols *symbols)
{
	objects_free(&symbols->objects);
	tdestroy(symbols->places, keep);
	tdestroy(symbols->told, keep);
	tdestroy(symbols->texts, free);
	while (symbols->all_places) {
		struct known_place *place = symbols->all_places;

		symbols->all_places = place->next;
		free(place);
	}
	forget_symbols(symbols, NULL);
	free(symbols);
}

/* The one copy, made printable. NULL stays NULL. */
static const char *intern(struct symbols *symbols, const char *text)
{
	return text ? say_once(&symbols->texts, text) : NULL;
}

struct object *symbols_object(struct symbols *symbols, const char *path,
			      int pid, const struct build *build)
{
	return objects_find(&symbols->objects, path, pid, build);
}

static int compare_pointers(const void *a, const void *b)
{
	return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static int compare_places(const void *a, const void *b)
{
	const struct place *one = a;
	const struct place *two = b;
	int order = compare_pointers(one->object, two->object);

	if (order == 0)
		order = compare_pointers(one->module, two->module);
	if (order == 0)
		order = (one->offset > two->offset) -
			(one->offset < two->offset);
	return order;
}

static struct place *find_place(struct symbols *symbols, void **tree,
				const struct place *key,
				int (*compare)(const void *, const void *))
{
	struct place **found = tfind(key, tree, compare);
	struct known_place *known;

	if (found)
		return *found;
	known = need_memory(calloc(1, sizeof(*known)));
	known->place = *key;
	known->next = symbols->all_places;
	symbols->all_places = known;
	need_memory(tsearch(&known->place, tree, compare));
	return &known->place;
}

struct place *symbols_place(struct symbols *symbols, struct object *object,
			    uint64_t offset)
{
	struct place key = {
		.object = object,
		.module = object ? intern(symbols, object_path(object)) : NULL,
		.offset = offset,
	};

	return find_place(symbols, &symbols->places, &key, compare_places);
}

/* "/a/b/../c" is "/a/c", as far as names go. */
static char *without_detours(const char *path)
{
	char *copy = need_memory(strdup(path));
	char *at;

	while ((at = strstr(copy, "/../")) != NULL && at != copy) {
		char *before = memrchr(copy, '/', (size_t)(at - copy));

		if (!before || strncmp(before, "/..", 3) == 0)
			break;
		memmove(before, at + 3, strlen(at + 3) + 1);
	}
	while ((at = strstr(copy, "/./")) != NULL)
		memmove(at, at + 2, strlen(at + 2) + 1);
	return copy;
}

/* Where the compiler was is what a relative name is relative to. */
static char *whole_path(const char *folder, const char *file)
{
	char *joined = NULL;
	char *path;

	if (file[0] == '/' || !folder)
		return without_detours(file);
	if (asprintf(&joined, "%s/%s", folder, file) < 0)
		joined = NULL;
	path = without_detours(need_memory(joined));
	free(joined);
	return path;
}

static struct symbol *add_symbol(struct symbols *symbols, const char *function,
				 const char *folder, const char *file,
				 unsigned int line)
{
	struct known_symbol *known = need_memory(calloc(1, sizeof(*known)));
	char *path = file ? whole_path(folder, file) : NULL;

	known->symbol.function = intern(symbols, function);
	known->symbol.file = intern(symbols, path);
	known->symbol.line = line;
	free(path);
	known->next = symbols->all_symbols;
	symbols->all_symbols = known;
	return &known->symbol;
}

static int compare_symbols(const struct symbol *one, const struct symbol *two)
{
	int order = 0;

	for (; one && two && order == 0; one = one->outer, two = two->outer) {
		order = compare_pointers(one->function, two->function);
		if (order == 0)
			order = compare_pointers(one->file, two->file);
		if (order == 0)
			order = (one->line > two->line) -
				(one->line < two->line);
	}
	return order ? order : (one != NULL) - (two != NULL);
}

static int compare_told(const void *a, const void *b)
{
	const struct place *one = a;
	const struct place *two = b;
	int order = compare_places(one, two);

	return order ? order : compare_symbols(one->symbol, two->symbol);
}

struct place *symbols_told(struct symbols *symbols, const char *module,
			   uint64_t offset, const struct symbol *symbol)
{
	const struct known_symbol *last = symbols->all_symbols;
	struct place key = { .module = intern(symbols, module),
			     .offset = offset,
			     .resolved = true };
	struct symbol **end = &key.symbol;
	struct place *place;

	for (; symbol; symbol = symbol->outer) {
		*end = add_symbol(symbols, symbol->function, NULL, symbol->file,
				  symbol->line);
		end = &(*end)->outer;
	}
	place = find_place(symbols, &symbols->told, &key, compare_told);
	if (place->symbol != key.symbol)
		forget_symbols(symbols, last);
	return place;
}

/* Without the types of parameters: the line tells which one it is. */
static char *demangle(const char *name)
{
	return name ? cplus_demangle(name, DMGL_AUTO | DMGL_NO_OPTS) : NULL;
}

static const char *function_name(Dwarf_Die *die, char **to_free)
{
	Dwarf_Attribute attribute;
	const char *linkage = dwarf_formstring(
		dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));

	*to_free = demangle(linkage);
	return *to_free ? *to_free : dwarf_diename(die);
}

static const char *call_file(Dwarf_Die *unit, Dwarf_Die *inlined)
{
	Dwarf_Attribute attribute;
	Dwarf_Word index;
	Dwarf_Files *files;
	size_t count;

	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute),
			    &index) != 0 ||
	    dwarf_getsrcfiles(unit, &files, &count) != 0 || index >= count)
		return NULL;
	return dwarf_filesrc(files, index, NULL, NULL);
}

static unsigned int call_line(Dwarf_Die *inlined)
{
	Dwarf_Attribute attribute;
	Dwarf_Word line;

	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute),
			    &line) != 0)
		return 0;
	return (unsigned int)line;
}

static const char *compiled_in(Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
}

/* The functions around an address, outermost first. */
struct scopes {
	Dwarf_Die functions[SCOPES_MAX];
	int count;
};

/*
 * Looks below the die for what holds the address. (dwarf_getscopes of libdw
 * 0.188 looks into no namespace, where clang and rustc put their functions.)
 */
static bool find_scopes(Dwarf_Die *die, Dwarf_Addr address,
			struct scopes *scopes)
{
	Dwarf_Die child;

	if (scopes->count == SCOPES_MAX || dwarf_child(die, &child) != 0)
		return false;
	do {
		switch (dwarf_tag(&child)) {
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
			if (find_scopes(&child, address, scopes))
				return true;
			break;
		case DW_TAG_subprogram:
		case DW_TAG_inlined_subroutine:
			if (dwarf_haspc(&child, address) != 1)
				break;
			scopes->functions[scopes->count++] = child;
			find_scopes(&child, address, scopes);
			return true;
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
			if (dwarf_haspc(&child, address) != 1)
				break;
			find_scopes(&child, address, scopes);
			return true;
		default:
			break;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* The functions around address, innermost first, by the debug information. */
static struct symbol *walk_scopes(struct symbols *symbols, Dwarf_Die *unit,
				  Dwarf_Addr address, const char *file,
				  unsigned int line)
{
	struct symbol *first = NULL;
	struct symbol **end = &first;
	struct scopes scopes = { .count = 0 };
	const char *folder = compiled_in(unit);

	find_scopes(unit, address, &scopes);
	for (int i = scopes.count - 1; i >= 0; i--) {
		Dwarf_Die *function = &scopes.functions[i];
		char *to_free;

		*end = add_symbol(symbols, function_name(function, &to_free),
				  folder, file, line);
		free(to_free);
		end = &(*end)->outer;
		if (dwarf_tag(function) == DW_TAG_subprogram)
			break;
		file = call_file(unit, function);
		line = call_line(function);
	}
	return first;
}

/*
 * The compilation unit. LLVM (clang, rustc) writes no table of addresses: then
 * the units are asked one by one.
 */
static Dwarf_Die *find_unit(Dwfl_Module *module, Dwarf_Addr address,
			    Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, bias);

	if (unit)
		return unit;
	while ((unit = dwfl_module_nextcu(module, unit, bias)) != NULL) {
		if (dwarf_haspc(unit, address - *bias) == 1)
			return unit;
	}
	return NULL;
}

static struct symbol *look_up(struct symbols *symbols, Dwfl_Module *module,
			      Dwarf_Addr address)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = find_unit(module, address, &bias);
	Dwarf_Line *row = unit ? dwarf_getsrc_die(unit, address - bias) : NULL;
	const char *file = row ? dwarf_linesrc(row, NULL, NULL) : NULL;
	struct symbol *symbol = NULL;
	const char *name;
	char *demangled;
	int line = 0;

	if (row)
		dwarf_lineno(row, &line);
	if (unit)
		symbol = walk_scopes(symbols, unit, address - bias, file,
				     (unsigned int)line);
	if (symbol)
		return symbol;
	name = dwfl_module_addrname(module, address);
	if (!name && !file)
		return NULL;
	demangled = demangle(name);
	symbol = add_symbol(symbols, demangled ? demangled : name,
			    unit ? compiled_in(unit) : NULL, file,
			    (unsigned int)line);
	free(demangled);
	return symbol;
}

const struct symbol *symbols_resolve(struct symbols *symbols,
				     struct place *place)
{
	Dwfl_Module *module;

	if (place->resolved)
		return place->symbol;
	place->resolved = true;
	module = place->object ? object_module(&symbols->objects, place->object)
			       : NULL;
	/* The return address may already belong to the next line. */
	if (module && place->offset > 0)
		place->symbol = look_up(symbols, module, place->offset - 1);
	return place->symbol;
}
