/*
 * ringed PROGRAM ARGS...: runs a program under the library with a ring, and
 * takes the records out as they come, without a look at them. So the ring can
 * be measured apart from what the command makes of it.
 *
 * The library is $TCPSHADOW_LIBRARY. Ends as the program does.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ring/read.h"

enum { SLOTS = 1 << 16, RUN = 0xbe9c };

/* False: nothing was there. */
static bool drain(struct ring_reader *reader)
{
	static struct ring_record record;
	bool any = false;

	while (ring_read(reader, &record, false))
		any = true;
	return any;
}

static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	const char *library = getenv("TCPSHADOW_LIBRARY");
	struct ring_reader reader;
	char option[128];
	bool heard = false;
	sigset_t ended;
	int status;
	pid_t child;
	int fd;

	if (argc < 2 || !library)
		errx(2, "usage: TCPSHADOW_LIBRARY=FILE ringed PROGRAM ARGS...");
	fd = ring_create(&reader, SLOTS, RUN);
	if (fd < 0)
		errx(2, "no ring");
	snprintf(option, sizeof(option), "/proc/%d/fd/%d:%x,0,0", getpid(), fd,
		 RUN);
	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ended, NULL);
	child = fork();
	if (child == 0) {
		sigprocmask(SIG_UNBLOCK, &ended, NULL);
		setenv("TCPSHADOW_RING", option, 1);
		setenv("LD_PRELOAD", library, 1);
		execvp(argv[1], argv + 1);
		err(127, "%s", argv[1]);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		heard |= drain(&reader);
		sigtimedwait(&ended, NULL, &pause);
	}
	heard |= drain(&reader);
	/* What is measured then is something else. */
	if (!heard)
		errx(3, "%s has not found the ring", argv[1]);
	if (ring_lost(&reader) > 0 || reader.holes > 0)
		fprintf(stderr, "ringed: %llu lost, %llu holes\n",
			(unsigned long long)ring_lost(&reader),
			(unsigned long long)reader.holes);
	return status_of(status);
}
