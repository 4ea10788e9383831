/*
 * Code that belongs to no module calls what is wrapped, as that of a
 * just-in-time compiler does: the close of a number that was a socket's, three
 * times from one place.
 */
#include <sys/mman.h>

#include "pair.h"

#ifdef __x86_64__

/* int call(int fd, int (*function)(int)), in memory of its own */
static const unsigned char code[] = {
	0x55,             /* push %rbp */
	0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
	0xff, 0xd6,       /* call *%rsi */
	0x5d,             /* pop %rbp */
	0xc3,             /* ret */
};

int main(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int (*call)(int, int (*)(int));
	char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	memcpy(memory, code, sizeof(code));
	CHECK(mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0);
	*(void **)&call = memory;
	CHECK(call(fd, close) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(close(900) == -1);
		CHECK(call(fd, close) == -1 && errno == EBADF);
	}
	/* Where the call comes back to. */
	printf("place 0x%lx\n", (unsigned long)(memory + 6));
	return 0;
}

#else

int main(void)
{
	return 0;
}

#endif
