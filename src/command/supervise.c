#include "command/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is passed on to the program. */
static const int forwarded[] = { SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
				 SIGUSR2, SIGALRM, SIGWINCH, SIGCONT };

/*
 * The terminal stops the whole process group; the command stops when it sees
 * that the program did. A broken standard error is no reason to end.
 */
static const int ignored[] = { SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE };

enum {
	FORWARDED_COUNT = sizeof(forwarded) / sizeof(forwarded[0]),
	IGNORED_COUNT = sizeof(ignored) / sizeof(ignored[0]),
};

static struct sigaction forwarded_before[FORWARDED_COUNT];
static struct sigaction ignored_before[IGNORED_COUNT];
static struct sigaction child_before;
static sigset_t mask_before;

static void do_nothing(int number)
{
	(void)number;
}

/* A signal that is ignored would not reach the signalfd: it gets a handler. */
static void take_signals(sigset_t *set)
{
	struct sigaction action = { .sa_handler = do_nothing };

	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaction(SIGCHLD, &action, &child_before);
	for (int i = 0; i < FORWARDED_COUNT; i++) {
		sigaction(forwarded[i], &action, &forwarded_before[i]);
		sigaddset(set, forwarded[i]);
	}
	action.sa_handler = SIG_IGN;
	for (int i = 0; i < IGNORED_COUNT; i++)
		sigaction(ignored[i], &action, &ignored_before[i]);
	sigprocmask(SIG_BLOCK, set, &mask_before);
}

/* What the command found when it was started. */
static void give_signals_back(void)
{
	for (int i = 0; i < FORWARDED_COUNT; i++)
		sigaction(forwarded[i], &forwarded_before[i], NULL);
	for (int i = 0; i < IGNORED_COUNT; i++)
		sigaction(ignored[i], &ignored_before[i], NULL);
	sigaction(SIGCHLD, &child_before, NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

static void execute(const char *path, char *const argv[],
		    char *const environment[], int failure)
{
	int error;

	give_signals_back();
	execvpe(path, argv, environment);
	error = errno;
	(void)!write(failure, &error, sizeof(error));
	_exit(127);
}

int supervise_start(struct supervisor *supervisor, const char *path,
		    char *const argv[], char *const environment[])
{
	struct epoll_event event = { .events = EPOLLIN };
	int failure[2];
	int error = 0;
	ssize_t got;
	sigset_t set;

	if (pipe2(failure, O_CLOEXEC) < 0)
		return -errno;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	take_signals(&set);
	supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	supervisor->events = epoll_create1(EPOLL_CLOEXEC);
	if (supervisor->signals < 0 || supervisor->events < 0)
		return -errno;
	event.data.u64 = 0;
	epoll_ctl(supervisor->events, EPOLL_CTL_ADD, supervisor->signals,
		  &event);
	supervisor->pid = fork();
	if (supervisor->pid < 0)
		return -errno;
	if (supervisor->pid == 0)
		execute(path, argv, environment, failure[1]);
	close(failure[1]);
	do {
		got = read(failure[0], &error, sizeof(error));
	} while (got < 0 && errno == EINTR);
	close(failure[0]);
	if (got != sizeof(error))
		return 0;
	waitpid(supervisor->pid, NULL, 0);
	give_signals_back();
	return -error;
}

/* The event carries the descriptor above the pid. */
bool supervise_watch(struct supervisor *supervisor, pid_t pid)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return errno != ESRCH;
	event.data.u64 = (uint64_t)fd << 32 | (uint32_t)pid;
	if (epoll_ctl(supervisor->events, EPOLL_CTL_ADD, fd, &event) < 0)
		close(fd);
	return true;
}

/*
 * Has a shell made a job of the command? Then it waits for both, and continues
 * both.
 */
static bool is_job(void)
{
	pid_t parent = getppid();

	return getpgid(parent) != getpgrp() && getsid(parent) == getsid(0);
}

/*
 * The program was stopped from its terminal: so is the command, until the shell
 * continues both. Many programs that draw on the whole screen stop themselves
 * for good (SIGSTOP) when the terminal asks them to.
 */
static void stop_with(struct supervisor *supervisor, int number)
{
	int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	siginfo_t since = { .si_pid = 0 };
	struct sigaction before;

	/* Without a terminal nobody would continue the command. */
	if (terminal < 0)
		return;
	close(terminal);
	if (number == SIGSTOP && !is_job())
		return;
	/* By the same signal, which the shell shows. */
	if (number != SIGSTOP)
		sigaction(number, &(struct sigaction){ .sa_handler = SIG_DFL },
			  &before);
	raise(number);
	if (number != SIGSTOP)
		sigaction(number, &before, NULL);
	/*
	 * Continued; the shell did it for the program too, as a rule. It may
	 * have been stopped again since, or have ended: reap() will see it.
	 */
	if (waitid(P_PID, (id_t)supervisor->pid, &since,
		   WCONTINUED | WSTOPPED | WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    since.si_pid == 0)
		kill(supervisor->pid, SIGCONT);
}

static void reap(struct supervisor *supervisor)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			supervisor->all_ended = errno == ECHILD;
		if (pid <= 0)
			return;
		if (WIFSTOPPED(status)) {
			if (pid == supervisor->pid)
				stop_with(supervisor, WSTOPSIG(status));
			continue;
		}
		if (pid == supervisor->pid) {
			supervisor->ended = true;
			supervisor->status = status;
		}
		supervisor->gone(supervisor->argument, pid, &status);
	}
}

/*
 * A signal from the terminal has reached the program already, and so has one
 * that the program's own tree sent to its process group.
 */
static bool is_for_the_program(const struct supervisor *supervisor,
			       const struct signalfd_siginfo *info)
{
	if (supervisor->ended || info->ssi_code == SI_KERNEL)
		return false;
	return !supervisor->is_ours(supervisor->argument, (pid_t)info->ssi_pid);
}

static void take_signal(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info)) {
		union sigval value = {
			.sival_ptr = (void *)(uintptr_t)info.ssi_ptr
		};

		if (info.ssi_signo == SIGCHLD)
			reap(supervisor);
		else if (!is_for_the_program(supervisor, &info))
			continue;
		else if (info.ssi_code == SI_QUEUE)
			sigqueue(supervisor->pid, (int)info.ssi_signo, value);
		else
			kill(supervisor->pid, (int)info.ssi_signo);
	}
}

unsigned int supervise_orphans(pid_t *first)
{
	unsigned int count = 0;
	char path[64];
	FILE *stream;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		 (int)getpid());
	stream = fopen(path, "re");
	while (stream && fscanf(stream, "%d", &pid) == 1) {
		if (count++ == 0)
			*first = pid;
	}
	if (stream)
		fclose(stream);
	return count;
}

void supervise_wait(struct supervisor *supervisor, int timeout)
{
	enum { EVENTS_MAX = 64 };
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(supervisor->events, events, EVENTS_MAX, timeout);

	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == 0) {
			take_signal(supervisor);
			continue;
		}
		close((int)(events[i].data.u64 >> 32));
		/* A child of ours is told with its status, by reap. */
		reap(supervisor);
		supervisor->gone(supervisor->argument,
				 (pid_t)(events[i].data.u64 & 0xffffffff),
				 NULL);
	}
}

void supervise_end_as(int status)
{
	static const struct rlimit no_core;
	sigset_t set;
	int number;

	if (!WIFSIGNALED(status))
		exit(WEXITSTATUS(status));
	number = WTERMSIG(status);
	/* The program has left its core; this would be another program's. */
	setrlimit(RLIMIT_CORE, &no_core);
	give_signals_back();
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	exit(128 + number);
}
