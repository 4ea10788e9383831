/* Seccomp filters that allow the calls of a list, and kill for any other. */
#ifndef PROGRAMS_SANDBOX_H
#define PROGRAMS_SANDBOX_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "pair.h"

enum { ALLOWED_MAX = 60 };

/*
 * The calls of a list that ends with -1 are allowed from here on; for any other
 * the process is killed. By prctl(), or by the seccomp() that libc does not
 * have.
 */
static inline void sandbox(const int *allowed, bool by_syscall)
{
	struct sock_filter filter[ALLOWED_MAX + 4];
	struct sock_fprog program = { .filter = filter };
	unsigned short count = 0;
	unsigned short used = 1;

	while (allowed[count] >= 0)
		count++;
	CHECK(count < ALLOWED_MAX);
	filter[0] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < count; i++, used++)
		filter[used] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)allowed[i],
			(unsigned char)(count - i), 0);
	filter[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						      SECCOMP_RET_KILL_PROCESS);
	filter[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						      SECCOMP_RET_ALLOW);
	program.len = used;
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (by_syscall)
		CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
			      &program) == 0);
	else
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ==
		      0);
}

/* What most need: these, and to end. */
#define SANDBOX(...) \
	sandbox((const int[]){ __VA_ARGS__, SYS_exit_group, -1 }, false)

#endif
