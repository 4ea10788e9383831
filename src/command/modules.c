#include "command/modules.h"

#include <search.h>
#include <stdlib.h>

#include "command/say.h"

struct told_module {
	uint32_t process;
	uint64_t base;
	struct object *object;
};

void modules_free(struct modules *modules)
{
	tdestroy(modules->tree, free);
	modules->tree = NULL;
}

static int compare(const void *a, const void *b)
{
	const struct told_module *one = a;
	const struct told_module *two = b;

	if (one->process != two->process)
		return one->process < two->process ? -1 : 1;
	return (one->base > two->base) - (one->base < two->base);
}

static struct told_module *find(const struct modules *modules, uint32_t process,
				uint64_t base)
{
	struct told_module key = { .process = process, .base = base };
	struct told_module **found = tfind(&key, &modules->tree, compare);

	return found ? *found : NULL;
}

void modules_add(struct modules *modules, uint32_t process, uint64_t base,
		 struct object *object)
{
	struct told_module *entry = find(modules, process, base);

	if (!entry) {
		entry = need_memory(calloc(1, sizeof(*entry)));
		entry->process = process;
		entry->base = base;
		need_memory(tsearch(entry, &modules->tree, compare));
	}
	entry->object = object;
}

struct object *modules_find(const struct modules *modules,
			    const struct process *process, uint64_t base)
{
	for (; base != 0 && process;
	     process = process->forked ? process->parent : NULL) {
		struct told_module *entry =
			find(modules, process->number, base);

		if (entry)
			return entry->object;
	}
	return NULL;
}
