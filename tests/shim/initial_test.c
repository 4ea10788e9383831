/* Which objects have come with this program. */
#include <criterion/criterion.h>
#include <dlfcn.h>

#include "shim/initial.h"
#include "support/run.h"

static const struct link_map *map_with(const char *function)
{
	struct link_map *map = NULL;
	Dl_info info;

	cr_assert(dladdr1(dlsym(RTLD_DEFAULT, function), &info, (void **)&map,
			  RTLD_DL_LINKMAP),
		  "%s", function);
	return map;
}

/* A constructor may have opened it, and will close it. */
Test(initial, what_was_opened_before_the_start_is_none_of_the_programs)
{
	void *module = dlopen(run_program("libcalls.so"), RTLD_NOW);

	cr_assert(module, "%s", dlerror());
	initial_start();
	cr_expect_not(initial_has(module));
	cr_expect(initial_has(_r_debug.r_map), "the program");
	cr_expect(initial_has(map_with("criterion_initialize")), "needed");
	cr_expect(initial_has(map_with("qsort")), "libc");
}
