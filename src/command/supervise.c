#include "command/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	/*
	 * ms between a signal and the question whether others got it too: who
	 * signals one process after the other may begin with the command.
	 */
	GRACE = 10,
	SIGNALS_AT_ONCE = 32,
	SPARE_FILES = 64, /* that processes are not watched with */
};

/* What an event of epoll is about; any other number is a process. */
enum { EVENT_CHILDREN, EVENT_SIGNALS, EVENT_OTHER };

static struct sigaction child_before;
static sigset_t mask_before;
static struct rlimit files_before;

static uint64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void do_nothing(int number)
{
	(void)number;
}

/*
 * Every signal is the program's, and waits for the signalfd. A fault of the
 * command's own kills it all the same, and what is ignored is not lost: both is
 * so while a signal is blocked. Children that end while SIGCHLD is ignored
 * would not be waited for.
 */
static void take_signals(void)
{
	struct sigaction action = { .sa_handler = do_nothing };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask_before);
	sigaction(SIGCHLD, &action, &child_before);
}

/* What the command found when it was started. */
static void give_signals_back(void)
{
	sigaction(SIGCHLD, &child_before, NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

/* A descriptor for each process that lives takes more than the usual limit. */
static void take_files(void)
{
	struct rlimit most;

	getrlimit(RLIMIT_NOFILE, &files_before);
	most = files_before;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
}

static void execute(const char *path, char *const argv[],
		    char *const environment[], int failure)
{
	int error;

	give_signals_back();
	setrlimit(RLIMIT_NOFILE, &files_before);
	execvpe(path, argv, environment);
	error = errno;
	(void)!write(failure, &error, sizeof(error));
	_exit(127);
}

static void listen_to(int events, int fd, uint32_t how, uint64_t what)
{
	struct epoll_event event = { .events = how, .data.u64 = what };

	epoll_ctl(events, EPOLL_CTL_ADD, fd, &event);
}

/* Signals are looked at together, a while after the first. */
static bool listen_to_all(struct supervisor *supervisor)
{
	sigset_t children;
	sigset_t others;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigfillset(&others);
	sigdelset(&others, SIGCHLD);
	supervisor->children =
		signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	supervisor->signals = signalfd(-1, &others, SFD_CLOEXEC | SFD_NONBLOCK);
	supervisor->events = epoll_create1(EPOLL_CLOEXEC);
	if (supervisor->children < 0 || supervisor->signals < 0 ||
	    supervisor->events < 0)
		return false;
	listen_to(supervisor->events, supervisor->children, EPOLLIN,
		  EVENT_CHILDREN);
	listen_to(supervisor->events, supervisor->signals,
		  EPOLLIN | EPOLLONESHOT, EVENT_SIGNALS);
	return true;
}

/* 0, or -errno when it could not be executed. */
static int start_program(struct supervisor *supervisor, const char *path,
			 char *const argv[], char *const environment[])
{
	int failure[2];
	int error = 0;
	ssize_t got;

	if (!listen_to_all(supervisor) || pipe2(failure, O_CLOEXEC) < 0)
		return -errno;
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
	return -error;
}

int supervise_start(struct supervisor *supervisor, const char *path,
		    char *const argv[], char *const environment[])
{
	int result;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	take_signals();
	take_files();
	/* Before there is a pipe of which it might keep an end. */
	witness_start(&supervisor->witness, argv);
	memset(&supervisor->testimony, 0xff, sizeof(supervisor->testimony));
	result = start_program(supervisor, path, argv, environment);
	if (result == 0)
		return 0;
	witness_end(&supervisor->witness);
	give_signals_back();
	return result;
}

static rlim_t spare_files(void)
{
	rlim_t half = files_before.rlim_max / 2;

	return half < SPARE_FILES ? half : SPARE_FILES;
}

/* The event carries the descriptor above the pid. */
bool supervise_watch(struct supervisor *supervisor, pid_t pid)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return errno != ESRCH;
	/* What is written, and the symbols in it, are worth more. */
	if ((rlim_t)fd >= files_before.rlim_max - spare_files()) {
		close(fd);
		return true;
	}
	event.data.u64 = (uint64_t)fd << 32 | (uint32_t)pid;
	if (epoll_ctl(supervisor->events, EPOLL_CTL_ADD, fd, &event) < 0)
		close(fd);
	return true;
}

void supervise_wake_by(struct supervisor *supervisor, int fd)
{
	listen_to(supervisor->events, fd, EPOLLIN, EVENT_OTHER);
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
 * Until somebody continues the command; by this signal, as its parent is shown.
 * (SIGSTOP needs no more than the raise.)
 */
static void stop_by(int number)
{
	struct sigaction before = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigaction(number, &(struct sigaction){ .sa_handler = SIG_DFL },
		  &before);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(number, &before, NULL);
}

/*
 * The program was stopped from its terminal: so is the command, until the shell
 * continues both. Many programs that draw on the whole screen stop themselves
 * for good (SIGSTOP) when the terminal asks them to. A SIGCONT that was for the
 * command alone is passed on, like any signal.
 */
static void stop_with(int number)
{
	int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	/*
	 * Without a terminal nobody would continue the command, and in a script
	 * who continues the program continues it alone.
	 */
	if (terminal < 0)
		return;
	close(terminal);
	if (is_job())
		stop_by(number);
}

/* What was sent until now was for the program, and nobody is left to ask. */
static void program_ended(struct supervisor *supervisor, int status)
{
	struct signalfd_siginfo info;

	supervisor->ended = true;
	supervisor->status = status;
	while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info))
		;
	witness_end(&supervisor->witness);
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
				stop_with(WSTOPSIG(status));
			continue;
		}
		if (pid == supervisor->pid)
			program_ended(supervisor, status);
		supervisor->gone(supervisor->argument, pid, &status);
	}
}

static void take_children(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->children, &info, sizeof(info)) == sizeof(info))
		;
	reap(supervisor);
}

/*
 * What the witness has by now, added to what it had before; false: there is
 * none.
 */
static bool ask_the_witness(struct supervisor *supervisor)
{
	struct testimony latest;

	if (!witness_ask(&supervisor->witness, &latest))
		return false;
	for (int number = 1; number < _NSIG; number++) {
		if (latest.sender[number] >= 0)
			supervisor->testimony.sender[number] =
				latest.sender[number];
	}
	return true;
}

/* What it had of signals that have not come here is of no use any more. */
static void forget_the_answered(struct supervisor *supervisor,
				const sigset_t *pending)
{
	for (int number = 1; number < _NSIG; number++) {
		if (sigismember(pending, number) != 1)
			supervisor->testimony.sender[number] = -1;
	}
}

/*
 * Has it reached the program already? A program that has left the group of the
 * command gets what the group got from us. Without a witness the terminal's are
 * known all the same.
 */
static bool has_reached(const struct supervisor *supervisor,
			const struct signalfd_siginfo *info, bool asked)
{
	if (getpgid(supervisor->pid) != getpgrp())
		return false;
	if (!asked)
		return info->ssi_code == SI_KERNEL;
	return supervisor->testimony.sender[info->ssi_signo] ==
	       (pid_t)info->ssi_pid;
}

/*
 * Not what the command has brought upon itself (a broken pipe, a limit), nor
 * what the program's own tree sends to all that are around it.
 */
static bool is_meant(const struct supervisor *supervisor,
		     const struct signalfd_siginfo *info)
{
	pid_t sender = (pid_t)info->ssi_pid;

	if (info->ssi_code == SI_KERNEL)
		return info->ssi_signo != SIGXCPU;
	return sender != getpid() &&
	       !supervisor->is_ours(supervisor->argument, sender);
}

static bool is_stop(int number)
{
	return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

/*
 * A signal that stops takes a SIGCONT back that still waits, and the other way
 * round. The kernel has done so where the program and the witness got both.
 */
static bool is_taken_back(int number, const sigset_t *pending)
{
	if (is_stop(number))
		return sigismember(pending, SIGCONT);
	return number == SIGCONT &&
	       (sigismember(pending, SIGTSTP) ||
		sigismember(pending, SIGTTIN) || sigismember(pending, SIGTTOU));
}

static void pass_on(const struct supervisor *supervisor,
		    const struct signalfd_siginfo *info)
{
	union sigval value = { .sival_ptr = (void *)(uintptr_t)info->ssi_ptr };

	if (info->ssi_code == SI_QUEUE)
		sigqueue(supervisor->pid, (int)info->ssi_signo, value);
	else
		kill(supervisor->pid, (int)info->ssi_signo);
}

/*
 * The program has ended, and the rest of its tree has what was sent to it. The
 * command does what it would do by default, but in order.
 */
static void take_for_itself(struct supervisor *supervisor,
			    const struct signalfd_siginfo *info)
{
	int number = (int)info->ssi_signo;

	if (is_stop(number))
		stop_by(number);
	if (number == SIGINT || number == SIGTERM || number == SIGHUP ||
	    number == SIGQUIT)
		supervisor->told_to_end = number;
}

/*
 * The witness is asked after the signals are read. One that comes in between is
 * in its answer, and pending here: that part of the answer is kept. (The kernel
 * reaches the youngest of a group first, so the witness before the command.)
 */
static void look_at_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo infos[SIGNALS_AT_ONCE];
	ssize_t got = read(supervisor->signals, infos, sizeof(infos));
	size_t count = got < 0 ? 0 : (size_t)got / sizeof(infos[0]);
	bool asked = ask_the_witness(supervisor);
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < count; i++) {
		if (!is_meant(supervisor, &infos[i]))
			continue;
		if (supervisor->ended)
			take_for_itself(supervisor, &infos[i]);
		else if (!has_reached(supervisor, &infos[i], asked) &&
			 !is_taken_back((int)infos[i].ssi_signo, &pending))
			pass_on(supervisor, &infos[i]);
	}
	forget_the_answered(supervisor, &pending);
}

static void listen_again(const struct supervisor *supervisor)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT,
				     .data.u64 = EVENT_SIGNALS };

	epoll_ctl(supervisor->events, EPOLL_CTL_MOD, supervisor->signals,
		  &event);
}

static void take_event(struct supervisor *supervisor, uint64_t what)
{
	if (what == EVENT_CHILDREN) {
		take_children(supervisor);
	} else if (what == EVENT_SIGNALS) {
		supervisor->look_at = now_ms() + GRACE;
	} else if (what != EVENT_OTHER) {
		close((int)(what >> 32));
		/* A child of ours is told with its status, by reap. */
		reap(supervisor);
		supervisor->gone(supervisor->argument,
				 (pid_t)(what & 0xffffffff), NULL);
	}
}

void supervise_wait(struct supervisor *supervisor, int timeout)
{
	enum { EVENTS_MAX = 64 };
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(supervisor->events, events, EVENTS_MAX, timeout);

	for (int i = 0; i < count; i++)
		take_event(supervisor, events[i].data.u64);
	if (supervisor->look_at == 0 || now_ms() < supervisor->look_at)
		return;
	supervisor->look_at = 0;
	look_at_signals(supervisor);
	listen_again(supervisor);
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
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	exit(128 + number);
}
