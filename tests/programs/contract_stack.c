/* What a program can observe of its calls, on a stack that no compiler leaves. */
#include <sys/uio.h>

#include "observed.h"

#if defined(__x86_64__)
typedef long any_call(long, long, long, long);

/* With rsp where no compiler would leave it. The frame is rbp's, for unwinders.
 */
static __attribute__((noinline)) long unaligned(any_call *call, long a, long b,
						long c, long d)
{
	volatile char *frame = __builtin_alloca(16);
	long result;

	frame[0] = 1;
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "sub $128, %%rsp\n\t"
			 "and $-16, %%rsp\n\t"
			 "sub $8, %%rsp\n\t"
			 "call *%[call]\n\t"
			 "mov %%rbx, %%rsp"
			 : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+c"(d)
			 : [call] "r"(call)
			 : "rbx", "r8", "r9", "r10", "r11", "memory", "cc");
	return result;
}

#define UNALIGNED(call, a, b, c, d)                                         \
	unaligned((any_call *)(void (*)(void))(call), (long)(a), (long)(b), \
		  (long)(c), (long)(d))

/* The kernel does not mind, and libc does not notice. */
static void calls_with_a_stack_that_is_not_aligned(void)
{
	struct pair pair = make_pair();
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	struct iovec part = { buffer, 1 };
	int fd;

	SHOW(getsockname(pair.listener, (struct sockaddr *)&address, &length) ==
	     0);
	fd = (int)UNALIGNED(socket, AF_INET, SOCK_STREAM, 0, 0);
	SHOW((int)UNALIGNED(connect, fd, &address, length, 0));
	SHOW((int)UNALIGNED(write, fd, buffer, 3, 0));
	SHOW((int)UNALIGNED(writev, fd, &part, 1, 0));
	SHOW((int)UNALIGNED(send, fd, buffer, 1, 0));
	SHOW((int)UNALIGNED(close, pair.client, 0, 0, 0));
	SHOW((int)UNALIGNED(read, pair.server, buffer, 1, 0));
	SHOW((int)UNALIGNED(write, pair.server, buffer, 1, 0));
	SHOW((int)UNALIGNED(shutdown, fd, SHUT_RDWR, 0, 0));
	SHOW((int)UNALIGNED(close, fd, 0, 0, 0));
	SHOW((int)UNALIGNED(close, fd, 0, 0, 0));
	fd = (int)UNALIGNED(accept, pair.listener, &address, &length, 0);
	SHOW((int)UNALIGNED(recv, fd, buffer, 2, 0));
	SHOW((int)UNALIGNED(close, fd, 0, 0, 0));
}
#else
static void calls_with_a_stack_that_is_not_aligned(void)
{
	skip("the processor minds");
}
#endif

static const struct scenario scenarios[] = {
	S(calls_with_a_stack_that_is_not_aligned),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
