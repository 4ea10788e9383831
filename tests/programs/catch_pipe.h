/* A handler of SIGPIPE that notes what it was told. */
#ifndef PROGRAMS_CATCH_PIPE_H
#define PROGRAMS_CATCH_PIPE_H

#include "pair.h"

static volatile sig_atomic_t caught;
static siginfo_t info;
static int errno_inside;

static void on_pipe(int number, siginfo_t *what, void *context)
{
	(void)context;
	errno_inside = errno;
	info = *what;
	caught += number == SIGPIPE;
}

static void catch_pipe(int flags)
{
	struct sigaction action = { .sa_sigaction = on_pipe,
				    .sa_flags = SA_SIGINFO | flags };

	CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
}

#endif
