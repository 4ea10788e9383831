#include "command/witness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A witness that is held up is looked after so often, then given up. */
enum { PATIENCE = 50 /* ms */, TRIES = 40 };

static void listen_for(struct testimony *testimony)
{
	static const struct timespec none;
	siginfo_t info;
	sigset_t all;
	int number;

	sigfillset(&all);
	/* Nobody: every byte of it is -1. */
	memset(testimony, 0xff, sizeof(*testimony));
	while ((number = sigtimedwait(&all, &info, &none)) > 0)
		testimony->sender[number] = info.si_pid;
}

/*
 * Who looks for the command by its name (pkill) must not find the witness; who
 * looks for the program by its words finds the command, the program and the
 * witness, so that it tells that the program was found, too. The words lie one
 * behind the other, as the kernel has put them there.
 */
static void take_name(char *const program[])
{
	static const char name[] = "witness";
	char *begin = program_invocation_name;
	char *const *last = program;
	char *end;
	size_t length;

	prctl(PR_SET_NAME, name);
	while (last[1])
		last++;
	end = *last + strlen(*last) + 1;
	if (program[0] < begin + sizeof(name) || end < program[0])
		return;
	length = (size_t)(end - program[0]);
	memcpy(begin, name, sizeof(name));
	begin += sizeof(name);
	memmove(begin, program[0], length);
	memset(begin + length, 0, (size_t)(end - begin) - length);
}

static void __attribute__((noreturn)) testify(int socket, pid_t command)
{
	struct testimony testimony;
	char question;

	/* A witness that is stopped would not see the end of the socket. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != command)
		_exit(0);
	dup2(socket, 0);
	close_range(1, ~0U, 0);
	while (read(0, &question, 1) == 1) {
		listen_for(&testimony);
		(void)!write(0, &testimony, sizeof(testimony));
	}
	_exit(0);
}

void witness_start(struct witness *witness, char *const program[])
{
	const struct timeval patience = { .tv_usec = PATIENCE * 1000 };
	pid_t command = getpid();
	int ends[2];

	witness->pid = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	/* Without a signal at its end it is none of those that wait() finds. */
	witness->pid = (pid_t)syscall(SYS_clone, 0L, NULL, NULL, NULL, 0L);
	if (witness->pid == 0) {
		take_name(program);
		testify(ends[1], command);
	}
	close(ends[1]);
	witness->socket = ends[0];
	if (witness->pid > 0)
		return;
	witness->pid = 0;
	close(ends[0]);
}

/* By a SIGSTOP of the group, when the command alone was continued. */
static void keep_going(const struct witness *witness)
{
	siginfo_t stop = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)witness->pid, &stop,
		   WSTOPPED | WNOHANG | __WALL) == 0 &&
	    stop.si_pid != 0)
		kill(witness->pid, SIGCONT);
}

bool witness_ask(struct witness *witness, struct testimony *testimony)
{
	ssize_t got = -1;

	if (witness->pid == 0)
		return false;
	(void)!send(witness->socket, "?", 1, MSG_NOSIGNAL);
	for (int i = 0; i < TRIES && got < 0; i++) {
		keep_going(witness);
		got = recv(witness->socket, testimony, sizeof(*testimony), 0);
	}
	if (got == sizeof(*testimony))
		return true;
	witness_end(witness);
	return false;
}

void witness_end(struct witness *witness)
{
	if (witness->pid == 0)
		return;
	close(witness->socket);
	kill(witness->pid, SIGKILL);
	waitpid(witness->pid, NULL, __WALL);
	witness->pid = 0;
}
