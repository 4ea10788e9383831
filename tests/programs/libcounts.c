/* Preloaded too, and in the same calls: says at the end how often it was in. */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/socket.h>

int close(int fd);

static int closes;
static int accepts;

int close(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");

	closes++;
	return next(fd);
}

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	int (*next)(int, struct sockaddr *, socklen_t *) =
		(int (*)(int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT,
								    "accept");

	accepts++;
	return next(fd, address, length);
}

__attribute__((destructor)) static void say(void)
{
	dprintf(1, "%d closes, %d accepts\n", closes, accepts);
}
