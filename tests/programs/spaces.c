/* build: -ldl */
/*
 * A host whose modules call another libc than the one that is wrapped: what
 * they do to descriptors is not seen, and nothing else changes.
 *
 * spaces dlmopen|deepbind MODULE
 */
#include <dlfcn.h>
#include <sys/mman.h>

#include "torture.h"

static int (*space_connect)(int port);
static int (*space_close)(int fd);
static int (*space_echo)(int from, int to);

static void open_module(bool own_space, const char *path)
{
	void *module = own_space ? dlmopen(LM_ID_NEWLM, path, RTLD_NOW)
				 : dlopen(path, RTLD_NOW | RTLD_DEEPBIND);

	if (!module)
		fprintf(stderr, "%s\n", dlerror());
	CHECK(module);
	*(void **)&space_connect = dlsym(module, "space_connect");
	*(void **)&space_close = dlsym(module, "space_close");
	*(void **)&space_echo = dlsym(module, "space_echo");
	CHECK(space_connect && space_close && space_echo);
}

int main(int argc, char **argv)
{
	struct pair pair = make_pair();
	struct pair other = { .listener = listener_on(0) };
	int file;

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(argc == 3);
	open_module(strcmp(argv[1], "dlmopen") == 0, argv[2]);
	/* Theirs, used by us. */
	other.client = space_connect(port_of(other.listener));
	CHECK(other.client >= 0);
	other.server = accept(other.listener, NULL, NULL);
	CHECK(other.server >= 0);
	exchange(&other, 3);
	CHECK(space_echo(other.client, other.server) == 0);
	end_pair(&other);
	/* Ours, closed by them; the number becomes a file. */
	SHOW(space_close(pair.client));
	file = memfd_create("file", 0);
	CHECK(file == pair.client);
	SHOW(write(file, "abc", 3));
	SHOW(lseek(file, 0, SEEK_END));
	SHOW(read(pair.server, &(char){ 0 }, 1));
	SHOW(close(pair.server));
	return 0;
}
