/*
 * Reads the library's log.
 *
 * Used by: the tests. Parses strictly: a line that is none of the library's
 * forms is an error that log_errors counts.
 */
#ifndef SUPPORT_LOG_H
#define SUPPORT_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct log_line {
	int pid;
	int fd;
	char name[64]; /* that the program gave the socket, or "" */
	char local[64];
	char arrow[3];
	char peer[64];
	char from[16];
	char to[16];
	char cause[256];
};

/* The transitions, in order. The caller frees the array. */
struct log_line *log_transitions(const char *log, size_t *count);

/* Lines that begin with "tcpshadow:" and have no known form. */
int log_errors(const char *log);

/*
 * "CLOSED>SYN_SENT>ESTABLISHED": the states of one descriptor of one process
 * (pid 0: the first that has it), or of one connection (local and peer as in
 * the log; NULL: any). `|` where a line does not begin where the one before it
 * ended. Static text, one at a time.
 */
const char *log_path(const char *log, int pid, int fd);
const char *log_path_between(const char *log, int pid, const char *local,
			     const char *peer);

/* How many findings of the rule there are. */
int log_findings(const char *log, const char *rule);

/* How many findings of that severity ("error", "warning", "note"). */
int log_severity(const char *log, const char *severity);

/* The first finding of the rule with its indented lines; static text. */
const char *log_finding(const char *log, const char *rule);

#endif
