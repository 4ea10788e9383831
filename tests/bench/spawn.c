/*
 * Programs that start programs.
 *
 *   spawn start COUNT PROGRAM    posix_spawn and wait, COUNT times: prints the
 *                                median, the least and the most, in us
 *   spawn fork COUNT PROGRAM     fork, exec and wait, likewise
 */
#include <err.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a;
	double two = *(const double *)b;

	return (one > two) - (one < two);
}

static void start(char *program, int forking)
{
	char *arguments[] = { program, NULL };
	pid_t child;

	if (!forking) {
		if (posix_spawn(&child, program, NULL, NULL, arguments,
				environ))
			errx(1, "posix_spawn");
	} else {
		child = fork();
		if (child == 0) {
			execv(program, arguments);
			_exit(127);
		}
	}
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	int count = argc == 4 ? atoi(argv[2]) : 0;
	double *times;

	if (count < 1)
		errx(2, "usage: spawn start|fork COUNT PROGRAM");
	times = calloc((size_t)count, sizeof(*times));
	for (int i = 0; i < count; i++) {
		double from = now();

		start(argv[3], strcmp(argv[1], "fork") == 0);
		times[i] = now() - from;
	}
	qsort(times, (size_t)count, sizeof(*times), by_size);
	printf("%.1f %.1f %.1f\n", times[count / 2], times[0],
	       times[count - 1]);
	return 0;
}
