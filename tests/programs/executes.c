/* build: -pthread */
/*
 * Other programs are started, or are not, while a listener crosses: the library
 * tells the next program of it by a variable, and nothing of that shows here.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "torture.h"

extern char **environ;

static char self[512];
static char *nobody[] = { "nobody", NULL };
/* As it is under the library; empty, it loads nothing. */
static char *preloading[] = { "LD_PRELOAD=", "A=b", NULL };

/* --- programs that cannot be executed ----------------------------------------
 */

static char *variables[512];
static size_t variable_count;

static void remember_environment(void)
{
	while (environ[variable_count]) {
		variables[variable_count] = environ[variable_count];
		variable_count++;
		CHECK(variable_count < 512);
	}
}

static void same_environment(void)
{
	for (size_t i = 0; i < variable_count; i++)
		CHECK(environ[i] == variables[i]);
	CHECK(environ[variable_count] == NULL);
	CHECK(getenv("TCPSHADOW_LISTENERS") == NULL);
	CHECK(strcmp(preloading[0], "LD_PRELOAD=") == 0 &&
	      strcmp(preloading[1], "A=b") == 0 && preloading[2] == NULL);
}

static void there_is_no_such_program(void)
{
	int listener = listener_on(0);
	char *const *none = NULL;

	remember_environment();
	SHOW(execve("/nobody", nobody, preloading));
	SHOW(execve("/nobody", nobody, none));
	SHOW(execve("/", nobody, environ));
	SHOW(execv("/nobody", nobody));
	SHOW(execvp("nobody at all", nobody));
	SHOW(execvpe("nobody at all", nobody, preloading));
	SHOW(execl("/nobody", "nobody", NULL));
	SHOW(execlp("nobody at all", "nobody", NULL));
	SHOW(execle("/nobody", "nobody", NULL, preloading));
	SHOW(fexecve(-1, nobody, preloading));
	SHOW(execveat(AT_FDCWD, "/nobody", nobody, preloading, 0));
	SHOW(posix_spawn(NULL, "/nobody", NULL, NULL, nobody, preloading));
	SHOW(posix_spawnp(NULL, "nobody at all", NULL, NULL, nobody, environ));
	SHOW(waitpid(-1, NULL, 0));
	same_environment();
	SHOW(close(listener));
	tell("path", "%d CLOSED>LISTEN>CLOSED", listener);
}

/* A page, and behind it one that cannot be read. */
static char *make_edge(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(pages != MAP_FAILED);
	CHECK(mprotect(pages + page, (size_t)page, PROT_NONE) == 0);
	return pages + page;
}

/* As it ends at the edge, without a NUL. */
static char *put_before(char *edge, const char *text)
{
	size_t length = strlen(text);

	return memcpy(edge - length, text, length);
}

static void execute_with(char *const *environment)
{
	SHOW(execve("/bin/true", nobody, environment));
	SHOW(execvpe("true", nobody, environment));
	SHOW(execle("/bin/true", "nobody", NULL, environment));
	SHOW(execveat(AT_FDCWD, "/bin/true", nobody, environment, 0));
	SHOW(posix_spawn(NULL, "/bin/true", NULL, NULL, nobody, environment));
	SHOW(posix_spawnp(NULL, "true", NULL, NULL, nobody, environment));
}

static void an_environment_that_cannot_be_read(void)
{
	static char *const nowhere = (char *)16;
	char *edge = make_edge();
	char **unended = (char **)(void *)edge - 2;
	int listener = listener_on(0);

	execute_with((char *const *)(void *)nowhere);
	execute_with((char *const *)(void *)edge);
	execute_with((char *[]){ "LD_PRELOAD=", nowhere, NULL });
	execute_with((char *[]){ "LD_PRELOAD=", edge, NULL });
	execute_with((char *[]){ put_before(edge, "LD_PRE"), NULL });
	execute_with((char *[]){ "LD_PRELOAD=", put_before(edge, "TCPSHADOW_"),
				 NULL });
	unended[0] = "A=b";
	unended[1] = "LD_PRELOAD=";
	execute_with(unended);
	SHOW(close(listener));
	tell("path", "%d CLOSED>LISTEN>CLOSED", listener);
}

/* From here on, and in the next program. */
static void forbid_looking_at_memory(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]),
				      filter };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void hands_on(void)
{
	static char *const nowhere = (char *)16;
	char *argv[] = { "true", NULL };
	int listener = listener_on(0);
	int status;

	execute_with((char *[]){ "LD_PRELOAD=", nowhere, NULL });
	SHOW(posix_spawn(NULL, "/bin/true", NULL, NULL, argv, environ));
	CHECK(waitpid(-1, &status, 0) > 0);
	SHOW(status);
	SHOW(close(listener));
	tell("path", "%d CLOSED>LISTEN>CLOSED", listener);
}

static void behind_a_filter_that_kills_who_looks_at_memory(void)
{
	char *argv[] = { self, "hands_on", NULL };
	pid_t child = fork();
	int status;

	if (child == 0) {
		forbid_looking_at_memory();
		execve(self, argv, environ);
		_exit(9);
	}
	CHECK(waitpid(child, &status, 0) == child);
	SHOW(status);
	tell("expect", "[inherited-listener]");
	tell("expect", "the listener was made there");
}

static void nobody_asks_for_the_process_id(void)
{
	char *argv[] = { "true", NULL };
	int listener = listener_on(0);
	int status;

	SHOW(posix_spawn(NULL, "/bin/true", NULL, NULL, argv, environ));
	CHECK(waitpid(-1, &status, 0) > 0);
	SHOW(status);
	SHOW(posix_spawnp(NULL, "false", NULL, NULL, argv, environ));
	CHECK(waitpid(-1, &status, 0) > 0);
	SHOW(status);
	SHOW(close(listener));
	tell("path", "%d CLOSED>LISTEN>CLOSED", listener);
}

/* --- as many arguments as there may be
 * ---------------------------------------- */

enum { LONG = 130000, MIDDLE = 5000 };

static char long_argument[LONG + 1];
static char middle_argument[MIDDLE + 1];
static char argument[LONG + 1];
static char *arguments[] = { "true", long_argument, middle_argument, argument,
			     NULL };

static int by_execve(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		execve("/bin/true", arguments, preloading);
		_exit(errno);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int by_posix_spawn(void)
{
	int result = posix_spawn(NULL, "/bin/true", NULL, NULL, arguments,
				 preloading);
	int status = 0;

	CHECK(result != 0 || waitpid(-1, &status, 0) > 0);
	CHECK(status == 0);
	return result;
}

static int by_posix_spawnp(void)
{
	int result =
		posix_spawnp(NULL, "true", NULL, NULL, arguments, preloading);
	int status = 0;

	CHECK(result != 0 || waitpid(-1, &status, 0) > 0);
	CHECK(status == 0);
	return result;
}

static int with(int size, int (*function)(void))
{
	int result;

	argument[size] = '\0';
	result = function();
	argument[size] = 'x';
	CHECK(result == 0 || result == E2BIG);
	return result;
}

/* The longest last argument: the same to a byte. */
static void show_limit(const char *name, int (*function)(void))
{
	int good = 0;
	int bad = LONG;

	CHECK(with(good, function) == 0 && with(bad, function) == E2BIG);
	while (bad - good > 1) {
		int middle = (good + bad) / 2;

		if (with(middle, function) == 0)
			good = middle;
		else
			bad = middle;
	}
	printf("%s: %d\n", name, good);
}

static void all_the_room_there_is_for_arguments(void)
{
	struct rlimit stack = { .rlim_cur = 1 << 20, .rlim_max = 1 << 20 };
	int listener = listener_on(0);

	CHECK(setrlimit(RLIMIT_STACK, &stack) == 0);
	memset(long_argument, 'x', LONG);
	memset(middle_argument, 'x', MIDDLE);
	memset(argument, 'x', LONG);
	show_limit("execve", by_execve);
	show_limit("posix_spawn", by_posix_spawn);
	show_limit("posix_spawnp", by_posix_spawnp);
	SHOW(close(listener));
	tell("path", "%d CLOSED>LISTEN>CLOSED", listener);
}

/* --- a variable that says nothing
 * ---------------------------------------------- */

/* Executes this program unseen: nobody tells it of the listener but `told`. */
static void execute_unseen(char *told)
{
	char *argv[] = { self, "uses_nothing", NULL };
	char *with_told[512];
	size_t count = 0;

	for (; environ[count]; count++) {
		CHECK(count < 510);
		with_told[count] = environ[count];
	}
	with_told[count++] = told;
	with_told[count] = NULL;
	raw_syscall(SYS_execve, (long)self, (long)argv, (long)with_told);
	_exit(9);
}

static void uses_nothing(void)
{
}

/* --- a listener that is inherited on purpose
 * ------------------------------------- */

static int inherited(void)
{
	return atoi(getenv("LISTENER"));
}

static void uses_it(void)
{
	int on = 1;

	CHECK(setsockopt(inherited(), SOL_SOCKET, SO_KEEPALIVE, &on,
			 sizeof(on)) == 0);
}

static void takes_from_it(void)
{
	SHOW(accept(inherited(), NULL, NULL) >= 0);
}

static void an_inherited_listener_is_used(void)
{
	static char *const users[] = { "uses_it", "takes_from_it" };
	int listener = listener_on(0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char number[16];

	snprintf(number, sizeof(number), "%d", listener);
	CHECK(setenv("LISTENER", number, 1) == 0);
	CHECK(connect_to(client, port_of(listener)) == 0);
	for (int i = 0; i < 2; i++) {
		char *argv[] = { self, users[i], NULL };
		pid_t child;
		int status;

		CHECK(posix_spawn(&child, self, NULL, NULL, argv, environ) ==
		      0);
		CHECK(waitpid(child, &status, 0) == child);
		SHOW(status);
	}
	tell("findings", "0 inherited-listener");
}

static void a_variable_that_says_nothing(void)
{
	static char *const told[] = { "TCPSHADOW_LISTENERS=",
				      "TCPSHADOW_LISTENERS=nobody",
				      "TCPSHADOW_LISTENERS=nobody|knows=0;",
				      "TCPSHADOW_LISTENERS=;;|=;|=,,",
				      "TCPSHADOW_LISTENERS==0x",
				      "TCPSHADOW_LISTENERS=\n\033[1m" };
	enum { COUNT = sizeof(told) / sizeof(told[0]) };

	listener_on(0);
	for (int i = 0; i < COUNT; i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			execute_unseen(told[i]);
		CHECK(waitpid(child, &status, 0) == child);
		SHOW(status);
	}
	tell("findings", "%d inherited-listener", COUNT);
	tell("refuse", "the listener was made there");
}

#define S(name)             \
	{                   \
#name, name \
	}

/* What the scenarios execute. */
static const struct scenario executed[] = {
	S(uses_nothing),
	S(uses_it),
	S(takes_from_it),
	S(hands_on),
};

static const struct scenario scenarios[] = {
	S(there_is_no_such_program),
	S(an_environment_that_cannot_be_read),
	S(behind_a_filter_that_kills_who_looks_at_memory),
	S(nobody_asks_for_the_process_id),
	S(all_the_room_there_is_for_arguments),
	S(an_inherited_listener_is_used),
	S(a_variable_that_says_nothing),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	for (size_t i = 0; argc > 1 && i < SCENARIO_COUNT(executed); i++) {
		if (strcmp(argv[1], executed[i].name) != 0)
			continue;
		executed[i].run();
		return 0;
	}
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
