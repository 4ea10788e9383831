/*
 * Runs a program with or without the library, and keeps what it printed.
 *
 * Used by: every test that needs a process. Output, errors and the library's
 * log go to files of a private folder that any user may write to (servers
 * change theirs), removed by run_end.
 */
#ifndef SUPPORT_RUN_H
#define SUPPORT_RUN_H

#include <stdbool.h>
#include <sys/types.h>

enum { RUN_TIMEOUT = 30000 /* ms */ };

struct run {
	pid_t pid;       /* leader of a process group of its own; 0: ended */
	int input;       /* its standard input, -1: closed */
	int status;      /* exit status, or 128 + signal, once ended */
	char folder[64]; /* out, err, log.PID */
	char *text;      /* the last text that was asked for */
};

/* NULL-terminated "NAME=value" for the environment, may be NULL. */
void run_start(struct run *run, bool shadowed, const char *const *environment,
	       const char *const *argv);

/* run_start and run_wait in one; the exit status. */
int run_all(struct run *run, bool shadowed, const char *const *environment,
	    const char *const *argv);

void run_write(struct run *run, const char *text);
void run_close_input(struct run *run);

/*
 * Waits for the end, kills after RUN_TIMEOUT (TORTURE_FACTOR times that).
 * Returns run->status.
 */
int run_wait(struct run *run);

/* What it printed so far; valid until the next call on this run. */
const char *run_output(struct run *run);
const char *run_errors(struct run *run);
/* The library's log of all its processes, in the order of their ids. */
const char *run_log(struct run *run);

/* Until the text shows up; false after RUN_TIMEOUT. */
bool run_wait_output(struct run *run, const char *text);
bool run_wait_errors(struct run *run, const char *text);
bool run_wait_log(struct run *run, const char *text);

/* Kills what is left of its process group, removes the files. */
void run_end(struct run *run);

/* build/tests/programs/NAME, build/examples/NAME; static, eight at a time. */
const char *run_program(const char *name);
const char *run_example(const char *name);
const char *run_library(void);
/* build/tcpshadow */
const char *run_command(void);

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

#endif
