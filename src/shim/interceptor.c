#include "shim/interceptor.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "shim/elf.h"

/* Of all that are wrapped only few make or close sockets. */
static _Atomic uintptr_t places[32];

enum { PLACES = sizeof(places) / sizeof(places[0]) };

bool interceptor_has(const void *place)
{
	for (int i = 0; i < PLACES; i++) {
		uintptr_t known =
			atomic_load_explicit(&places[i], memory_order_relaxed);

		if (known == (uintptr_t)place || known == 0)
			return known != 0;
	}
	return false;
}

static void remember(const void *place)
{
	for (int i = 0; i < PLACES; i++) {
		uintptr_t none = 0;

		if (atomic_compare_exchange_strong(&places[i], &none,
						   (uintptr_t)place))
			return;
	}
}

#define PREFIX "__interceptor_"

/* An interceptor has two names: its own, and that of the call. */
static bool has_other_name(const struct elf_object *object, const char *name)
{
	char other[64] = PREFIX;
	size_t length = strlen(name) + 1;

	if (length > sizeof(other) - strlen(PREFIX))
		return false;
	memcpy(other + strlen(PREFIX), name, length);
	return elf_symbol(object, other) != NULL;
}

/* Asked by one name first, which costs little where there is none. */
bool interceptor_learn(const void *place)
{
	const void *call = (const char *)place - 1;
	const struct link_map *map = elf_module(call);
	struct elf_object object;
	const char *name;

	if (!map || !elf_read(map, &object) ||
	    !elf_symbol(&object, PREFIX "accept"))
		return false;
	name = elf_function(map, call);
	if (!name || (strncmp(name, PREFIX, strlen(PREFIX)) != 0 &&
		      !has_other_name(&object, name)))
		return false;
	remember(place);
	return true;
}
