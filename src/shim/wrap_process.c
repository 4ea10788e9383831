#include <stdarg.h>

#include "kernel/borrow.h"
#include "shim/blind.h"
#include "shim/feed.h"
#include "shim/handover.h"
#include "shim/lifecycle.h"
#include "shim/wrap.h"

/*
 * Children share our sockets from the moment they are made: the epoch is raised
 * before and after, so that a socket made meanwhile counts as shared too.
 */
static void fork_begin(void)
{
	process_forking();
	borrow_forking();
}

static void fork_done(int result)
{
	if (result == 0) {
		borrow_in_child();
		process_owns_memory();
		return;
	}
	borrow_forked();
	process_forking();
}

pid_t fork(void)
{
	pid_t result;

	fork_begin();
	result = real_calls()->fork();
	fork_done(result);
	return result;
}

pid_t __fork(void) __attribute__((alias("fork")));

pid_t _Fork(void)
{
	pid_t result;

	fork_begin();
	result = real_calls()->_Fork();
	fork_done(result);
	return result;
}

/*
 * Returns twice on one stack, so nothing of ours may be on it: handed on by a
 * jump (a test looks at the code). What the child does then, process.h tells.
 */
pid_t vfork(void)
{
	process_lending();
	process_forking();
	return real_calls()->vfork();
}

pid_t __vfork(void) __attribute__((alias("vfork")));

/* The last three are read only where the flags ask for them. */
int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
	pid_t *parent_tid;
	pid_t *child_tid;
	va_list list;
	void *tls;
	int result;

	va_start(list, argument);
	parent_tid = va_arg(list, pid_t *);
	tls = va_arg(list, void *);
	child_tid = va_arg(list, pid_t *);
	va_end(list);
	if ((flags & (CLONE_VM | CLONE_THREAD)) == CLONE_VM)
		process_lending();
	if (!(flags & CLONE_FILES))
		process_forking();
	if (!(flags & CLONE_VM))
		borrow_forking();
	if (flags & CLONE_NEWNET)
		process_child_leaves_network(true);
	result = real_calls()->clone(function, stack, flags, argument,
				     parent_tid, tls, child_tid);
	if (flags & CLONE_NEWNET)
		process_child_leaves_network(false);
	if (!(flags & CLONE_VM))
		borrow_forked();
	if (!(flags & CLONE_FILES))
		process_forking();
	return result;
}

int __clone(int (*function)(void *), void *stack, int flags, void *argument,
	    ...) __attribute__((alias("clone")));

int daemon(int keep_directory, int keep_descriptors)
{
	int result;

	fork_begin();
	result = real_calls()->daemon(keep_directory, keep_descriptors);
	fork_done(result);
	return result;
}

pid_t forkpty(int *terminal, char *name, const struct termios *mode,
	      const struct winsize *size)
{
	pid_t result;

	fork_begin();
	result = real_calls()->forkpty(terminal, name, mode, size);
	fork_done(result);
	return result;
}

/*
 * With CLONE_FILES the thread has a table of descriptors of its own from here
 * on: what is open is shared with the other threads as with a child.
 */
int unshare(int flags)
{
	int result;

	if (flags & CLONE_NEWNET)
		observe_leaving_network(CALL_unshare);
	result = real_calls()->unshare(flags);
	if (result == 0 && flags & CLONE_FILES)
		process_forking();
	if (result == 0 && flags & CLONE_NEWNET)
		observe_left_network();
	return result;
}

/* type 0: of whatever kind the descriptor is. */
int setns(int fd, int type)
{
	bool network = type == 0 || type & CLONE_NEWNET;
	int result;

	if (network)
		observe_leaving_network(CALL_setns);
	result = real_calls()->setns(fd, type);
	if (result == 0 && network)
		observe_left_network();
	return result;
}

/* Makes the terminal 0, 1 and 2. */
int login_tty(int fd)
{
	int result = real_calls()->login_tty(fd);

	for (int i = 0; result == 0 && i <= 2; i++)
		seen_foreign(i);
	return result;
}

int system(const char *command)
{
	int result;

	process_forking();
	result = real_calls()->system(command);
	process_forking();
	return result;
}

FILE *popen(const char *command, const char *mode)
{
	FILE *result;

	process_forking();
	result = real_calls()->popen(command, mode);
	process_forking();
	return result;
}

/* posix_spawn or posix_spawnp; the environment may say more (handover.h). */
static int spawn(__typeof__(posix_spawnp) *function, pid_t *pid,
		 const char *path, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[],
		 char *const envp[])
{
	size_t room = handover_room(envp);
	char *filled[room + 1];
	char space[HANDOVER_SIZE];
	pid_t child;
	int result;

	if (!pid)
		pid = &child;
	process_forking();
	if (room > 0)
		handover_fill(filled, space, envp);
	result = function(pid, path, actions, attributes, argv,
			  room > 0 ? filled : envp);
	if (result == E2BIG && room > 0)
		result = function(pid, path, actions, attributes, argv, envp);
	process_forking();
	if (result == 0)
		feed_exec(*pid, path);
	return result;
}

int posix_spawn(pid_t *__restrict pid, const char *__restrict path,
		const posix_spawn_file_actions_t *__restrict actions,
		const posix_spawnattr_t *__restrict attributes,
		char *const argv[], char *const envp[])
{
	return spawn(real_calls()->posix_spawn, pid, path, actions, attributes,
		     argv, envp);
}

int posix_spawnp(pid_t *pid, const char *file,
		 const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[],
		 char *const envp[])
{
	return spawn(real_calls()->posix_spawnp, pid, file, actions, attributes,
		     argv, envp);
}

/*
 * The last moment of this memory, or of a child on borrowed memory: then the
 * parent's sockets that survive the exec are shared.
 */
static void before_exec(enum call call, const char *path)
{
	if (process_owns_memory())
		process_settle(call);
	else
		process_forking();
	feed_exec(0, path);
}

/* It has come back. */
static int exec_failed(int result)
{
	int saved = errno;

	feed_exec_failed();
	errno = saved;
	return result;
}

/* The exec family comes down to four calls. */
struct execution {
	enum call call;
	int fd;
	const char *path;
	int flags;
	char *const *argv;
};

static int execute(const struct execution *execution, char *const envp[])
{
	const struct real *calls = real_calls();

	switch (execution->call) {
	case CALL_execvp:
	case CALL_execvpe:
	case CALL_execlp:
		return calls->execvpe(execution->path, execution->argv, envp);
	case CALL_fexecve:
		return calls->fexecve(execution->fd, execution->argv, envp);
	case CALL_execveat:
		return calls->execveat(execution->fd, execution->path,
				       execution->argv, envp, execution->flags);
	default:
		return calls->execve(execution->path, execution->argv, envp);
	}
}

/* With a word to the next program where a listener crosses (handover.h). */
static int execute_telling(const struct execution *execution,
			   char *const envp[])
{
	size_t room;
	int result;

	before_exec(execution->call, execution->path);
	room = handover_room(envp);
	if (room > 0) {
		char *filled[room];
		char space[HANDOVER_SIZE];

		handover_fill(filled, space, envp);
		result = execute(execution, filled);
		if (errno != E2BIG)
			return exec_failed(result);
	}
	return exec_failed(execute(execution, envp));
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	struct execution execution = { .call = CALL_execve,
				       .path = path,
				       .argv = argv };

	return execute_telling(&execution, envp);
}

int execv(const char *path, char *const argv[])
{
	struct execution execution = { .call = CALL_execv,
				       .path = path,
				       .argv = argv };

	return execute_telling(&execution, environ);
}

int execvp(const char *file, char *const argv[])
{
	struct execution execution = { .call = CALL_execvp,
				       .path = file,
				       .argv = argv };

	return execute_telling(&execution, environ);
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
	struct execution execution = { .call = CALL_execvpe,
				       .path = file,
				       .argv = argv };

	return execute_telling(&execution, envp);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
	struct execution execution = { .call = CALL_fexecve,
				       .fd = fd,
				       .argv = argv };

	return execute_telling(&execution, envp);
}

int execveat(int directory, const char *path, char *const argv[],
	     char *const envp[], int flags)
{
	struct execution execution = { .call = CALL_execveat,
				       .fd = directory,
				       .path = path,
				       .flags = flags,
				       .argv = argv };

	return execute_telling(&execution, envp);
}

/* The arguments of execl and its kin, up to the null pointer. */
static size_t count_arguments(const char *first, va_list list)
{
	size_t count = 0;

	for (const char *at = first; at; at = va_arg(list, const char *))
		count++;
	return count;
}

static void copy_arguments(const char **argv, size_t count, const char *first,
			   va_list list)
{
	for (size_t i = 0; i < count; i++)
		argv[i] = i == 0 ? first : va_arg(list, const char *);
	argv[count] = NULL;
}

int execl(const char *path, const char *argument, ...)
{
	va_list list;
	size_t count;

	va_start(list, argument);
	count = count_arguments(argument, list);
	va_end(list);

	const char *argv[count + 1];

	va_start(list, argument);
	copy_arguments(argv, count, argument, list);
	va_end(list);
	return execute_telling(
		&(struct execution){ .call = CALL_execl,
				     .path = path,
				     .argv = (char *const *)argv },
		environ);
}

int execlp(const char *file, const char *argument, ...)
{
	va_list list;
	size_t count;

	va_start(list, argument);
	count = count_arguments(argument, list);
	va_end(list);

	const char *argv[count + 1];

	va_start(list, argument);
	copy_arguments(argv, count, argument, list);
	va_end(list);
	return execute_telling(
		&(struct execution){ .call = CALL_execlp,
				     .path = file,
				     .argv = (char *const *)argv },
		environ);
}

/* The environment follows the null pointer. */
int execle(const char *path, const char *argument, ...)
{
	va_list list;
	size_t count;
	char *const *envp;

	va_start(list, argument);
	count = count_arguments(argument, list);
	va_end(list);

	const char *argv[count + 1];

	va_start(list, argument);
	copy_arguments(argv, count, argument, list);
	if (count > 0)
		(void)va_arg(list, const char *);
	envp = va_arg(list, char *const *);
	va_end(list);
	return execute_telling(
		&(struct execution){ .call = CALL_execle,
				     .path = path,
				     .argv = (char *const *)argv },
		envp);
}

/* exit() comes through the destructor; these run none. */
void _exit(int status)
{
	process_settle(CALL_NONE);
	real_calls()->_exit(status);
	__builtin_unreachable();
}

void _Exit(int status)
{
	process_settle(CALL_NONE);
	real_calls()->_Exit(status);
	__builtin_unreachable();
}

void quick_exit(int status)
{
	process_settle(CALL_NONE);
	real_calls()->quick_exit(status);
	__builtin_unreachable();
}
