/* build: -pthread */
/*
 * Programs whose standard error is in a strange state when the library wants to
 * write there.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "pair.h"

extern char **environ;

/* Makes a few transitions, so that the library has something to say. */
static void talk(void)
{
	struct pair pair = make_pair();

	CHECK(close(pair.client) == 0 && close(pair.server) == 0);
}

/* The library looks at standard error when it starts: so start again. */
static void start_again(const char *scenario)
{
	char *argv[] = { "output", (char *)scenario, NULL };

	execve("/proc/self/exe", argv, environ);
	fail("execve");
}

static void closed_standard_error(void)
{
	close(2);
	start_again("talk_with_2_free");
}

static void talk_with_2_free(void)
{
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == 2);
	talk();
	printf("done\n");
}

static void broken_pipe_on_standard_error(void)
{
	int pipes[2];

	CHECK(pipe(pipes) == 0 && dup2(pipes[1], 2) == 2);
	close(pipes[0]);
	close(pipes[1]);
	start_again("talk_and_say_done");
}

static void talk_and_say_done(void)
{
	talk();
	printf("done\n");
}

static void full_file_on_standard_error(void)
{
	struct rlimit limit = { .rlim_cur = 200, .rlim_max = 200 };
	char name[] = "/tmp/tcpshadow-output-XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0 && dup2(fd, 2) == 2 && unlink(name) == 0);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	start_again("talk_and_say_done");
}

/* As inetd starts a server: nothing of ours may reach the peer. */
static void connection_on_standard_error(void)
{
	struct pair pair = make_pair();
	char byte;
	pid_t child = fork();

	if (child == 0) {
		CHECK(dup2(pair.server, 2) == 2);
		close(pair.server);
		close(pair.client);
		close(pair.listener);
		start_again("talk_and_say_done");
	}
	close(pair.server);
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(read(pair.client, &byte, 1) == 0);
	printf("nothing came\n");
}

/* Standard error becomes something else on the way. */
static void standard_error_is_replaced(void)
{
	int pipes[2];
	char byte;

	CHECK(pipe(pipes) == 0 && dup2(pipes[1], 2) == 2);
	close(pipes[1]);
	talk();
	close(2);
	CHECK(read(pipes[0], &byte, 1) == 0);
	printf("nothing came\n");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(closed_standard_error),         S(talk_with_2_free),
	S(broken_pipe_on_standard_error), S(talk_and_say_done),
	S(full_file_on_standard_error),   S(connection_on_standard_error),
	S(standard_error_is_replaced),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPIPE, SIG_DFL);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
