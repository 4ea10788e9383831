/*
 * System calls without libc: they set no errno, are no cancellation points and
 * cannot be interposed. Everything that the library asks on its own account
 * goes through here, so its bookkeeping leaves the host's errno alone by
 * construction. The result is the kernel's: -errno on failure.
 */
#ifndef KERNEL_RAW_H
#define KERNEL_RAW_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#if defined(__x86_64__)

static inline long raw_call6(long number, long a, long b, long c, long d,
			     long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#elif defined(__aarch64__)

static inline long raw_call6(long number, long a, long b, long c, long d,
			     long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

#else
#error "no raw system calls for this architecture yet"
#endif

static inline long raw_call3(long number, long a, long b, long c)
{
	return raw_call6(number, a, b, c, 0, 0, 0);
}

static inline long raw_getsockopt(int fd, int level, int name, void *value,
				  unsigned int *length)
{
	return raw_call6(SYS_getsockopt, fd, level, name, (long)value,
			 (long)length, 0);
}

static inline long raw_setsockopt(int fd, int level, int name,
				  const void *value, unsigned int length)
{
	return raw_call6(SYS_setsockopt, fd, level, name, (long)value, length,
			 0);
}

static inline long raw_close(int fd)
{
	return raw_call3(SYS_close, fd, 0, 0);
}

static inline long raw_readlink(const char *path, char *target, long size)
{
	return raw_call6(SYS_readlinkat, AT_FDCWD, (long)path, (long)target,
			 size, 0, 0);
}

static inline int raw_getpid(void)
{
	return (int)raw_call3(SYS_getpid, 0, 0, 0);
}

/* What SYS_getdents64 fills in: struct linux_dirent64, getdents64(2). */
struct raw_entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/*
 * Is there a byte to read? Where the answer is no, no signal comes. A filter
 * that came with the program may kill for process_vm_readv(), which few need.
 * There it is asked by a call that hardly any forbids: it reads the set of
 * signals, and then finds that there is no such thing to do with it. (Not
 * always, as valgrind has words on that.)
 */
static inline bool raw_can_read(const void *at)
{
	enum { NOTHING = -1, SET = 8 };
	char byte;
	struct iovec local = { &byte, 1 };
	struct iovec remote = { (void *)(uintptr_t)at, 1 };

	if (raw_call3(SYS_prctl, PR_GET_SECCOMP, 0, 0) > 0)
		return raw_call6(SYS_rt_sigprocmask, NOTHING,
				 (long)((uintptr_t)at / SET * SET), 0, SET, 0,
				 0) == -EINVAL;
	return raw_call6(SYS_process_vm_readv, raw_getpid(), (long)&local, 1,
			 (long)&remote, 1, 0) == 1;
}

/* The same for one byte after the other; *known is the last page, at first -1. */
static inline bool raw_can_read_on(const void *at, uintptr_t *known)
{
	enum { PAGE = 4096 };
	uintptr_t page = (uintptr_t)at / PAGE;

	if (page != *known && !raw_can_read(at))
		return false;
	*known = page;
	return true;
}

/*
 * Around whatever is taken and has to be given back (a descriptor, room to work
 * in, the signal mask itself): a handler of the host that jumps out in between
 * would leave it taken. Gives the mask to restore; may be nested.
 */
static inline uint64_t raw_block_signals(void)
{
	uint64_t all = ~0ULL;
	uint64_t mask = 0;

	raw_call6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&mask,
		  sizeof(mask), 0, 0);
	return mask;
}

static inline void raw_restore_signals(uint64_t mask)
{
	raw_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask),
		  0, 0);
}

#endif
