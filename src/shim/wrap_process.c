#include <stdarg.h>

#include "shim/blind.h"
#include "shim/feed.h"
#include "shim/lifecycle.h"
#include "shim/wrap.h"

/*
 * Children share our sockets from the moment they are made: the epoch is raised
 * before and after, so that a socket made meanwhile counts as shared too.
 */
pid_t fork(void)
{
	pid_t result;

	process_forking();
	result = real_calls()->fork();
	if (result == 0)
		process_owns_memory();
	else
		process_forking();
	return result;
}

pid_t __fork(void) __attribute__((alias("fork")));

pid_t _Fork(void)
{
	pid_t result;

	process_forking();
	result = real_calls()->_Fork();
	if (result == 0)
		process_owns_memory();
	else
		process_forking();
	return result;
}

int daemon(int keep_directory, int keep_descriptors)
{
	int result;

	process_forking();
	result = real_calls()->daemon(keep_directory, keep_descriptors);
	process_owns_memory();
	return result;
}

pid_t forkpty(int *terminal, char *name, const struct termios *mode,
	      const struct winsize *size)
{
	pid_t result;

	process_forking();
	result = real_calls()->forkpty(terminal, name, mode, size);
	if (result == 0)
		process_owns_memory();
	else
		process_forking();
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

int posix_spawn(pid_t *__restrict pid, const char *__restrict path,
		const posix_spawn_file_actions_t *__restrict actions,
		const posix_spawnattr_t *__restrict attributes,
		char *const argv[], char *const envp[])
{
	pid_t child;
	int result;

	process_forking();
	result = real_calls()->posix_spawn(pid ? pid : &child, path, actions,
					   attributes, argv, envp);
	process_forking();
	if (result == 0)
		feed_exec(pid ? *pid : child, path);
	return result;
}

int posix_spawnp(pid_t *pid, const char *file,
		 const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[],
		 char *const envp[])
{
	pid_t child;
	int result;

	process_forking();
	result = real_calls()->posix_spawnp(pid ? pid : &child, file, actions,
					    attributes, argv, envp);
	process_forking();
	if (result == 0)
		feed_exec(pid ? *pid : child, file);
	return result;
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

int execve(const char *path, char *const argv[], char *const envp[])
{
	before_exec(CALL_execve, path);
	return exec_failed(real_calls()->execve(path, argv, envp));
}

int execv(const char *path, char *const argv[])
{
	before_exec(CALL_execv, path);
	return exec_failed(real_calls()->execv(path, argv));
}

int execvp(const char *file, char *const argv[])
{
	before_exec(CALL_execvp, file);
	return exec_failed(real_calls()->execvp(file, argv));
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
	before_exec(CALL_execvpe, file);
	return exec_failed(real_calls()->execvpe(file, argv, envp));
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
	before_exec(CALL_fexecve, NULL);
	return exec_failed(real_calls()->fexecve(fd, argv, envp));
}

int execveat(int directory, const char *path, char *const argv[],
	     char *const envp[], int flags)
{
	before_exec(CALL_execveat, path);
	return exec_failed(
		real_calls()->execveat(directory, path, argv, envp, flags));
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
	before_exec(CALL_execl, path);
	return exec_failed(real_calls()->execv(path, (char *const *)argv));
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
	before_exec(CALL_execlp, file);
	return exec_failed(real_calls()->execvp(file, (char *const *)argv));
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
	before_exec(CALL_execle, path);
	return exec_failed(
		real_calls()->execve(path, (char *const *)argv, envp));
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
