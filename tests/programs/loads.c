/* build: -ldl */
/*
 * A C program that loads a C++ module after a finding has been unwound: whose
 * unwinder does the module get?
 */
#include <dlfcn.h>

#include "pair.h"

int main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	void (*run)(void);
	Dl_info info;
	void *plugin;

	CHECK(argc == 2);
	close(fd);
	close(fd);
	plugin = dlopen(argv[1], RTLD_NOW);
	CHECK(plugin);
	run = (void (*)(void))dlsym(plugin, "plugin_run");
	CHECK(run);
	run();
	fflush(stdout);
	/* The one that the module sees is libgcc's. */
	CHECK(dladdr(dlsym(plugin, "_Unwind_RaiseException"), &info));
	printf("%d\n", strstr(info.dli_fname, "libgcc_s.so.1") != NULL);
	return 0;
}
