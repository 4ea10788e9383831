/*
 * A listener without SOCK_CLOEXEC, and programs that inherit it: heirs WAY. The
 * shell and the program that it runs are two, and use it neither.
 */
#include "pair.h"

static const char two[] = "/bin/true; :";

static void by_system(void)
{
	CHECK(system(two) == 0);
}

static void by_popen(void)
{
	FILE *stream = popen(two, "r");

	CHECK(stream && pclose(stream) == 0);
}

static void by_exec(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		execlp("sh", "sh", "-c", two, NULL);
		_exit(1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static const struct scenario ways[] = {
	{ "system", by_system },
	{ "popen", by_popen },
	{ "exec", by_exec },
};

int main(int argc, char **argv)
{
	int listener = listener_on(0);
	int status = run_scenario(ways, SCENARIO_COUNT(ways), argc, argv);

	CHECK(close(listener) == 0);
	return status;
}
