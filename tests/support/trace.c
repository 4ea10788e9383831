#include "support/trace.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/run.h"

static void begin(bool shadowed, const char *const *argv)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	setenv("TCPSHADOW_LOG", "stderr", 1);
	setenv("TCPSHADOW_SILENCE", "1000000", 1);
	if (shadowed)
		setenv("LD_PRELOAD", run_library(), 1);
	dup2(open("/dev/null", O_WRONLY), 1);
	dup2(1, 2);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

long trace_count(bool shadowed, const char *const *argv,
		 bool (*counts)(pid_t pid, uint64_t number,
				const uint64_t *arguments))
{
	long counted = 0;
	int status;
	pid_t child = fork();

	if (child == 0)
		begin(shadowed, argv);
	if (waitpid(child, &status, 0) != child)
		return -1;
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
	while (WIFSTOPPED(status)) {
		struct __ptrace_syscall_info info = { .op = 0 };

		ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			counted += !counts || counts(child, info.entry.nr,
						     info.entry.args);
		ptrace(PTRACE_SYSCALL, child, 0, 0);
		if (waitpid(child, &status, 0) != child)
			return -1;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? counted : -1;
}

bool trace_asks_for_a_table(pid_t pid, uint64_t number,
			    const uint64_t *arguments)
{
	struct nlmsghdr header;
	long words[2];

	if (number != SYS_sendto)
		return false;
	for (unsigned int i = 0; i < 2; i++)
		words[i] =
			ptrace(PTRACE_PEEKDATA, pid, arguments[1] + 8 * i, 0);
	memcpy(&header, words, sizeof(header));
	return (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}
