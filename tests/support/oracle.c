#include "support/oracle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/log.h"

static const char tracefs[] = "/sys/kernel/tracing";

static bool write_file(const struct oracle *oracle, const char *name,
		       const char *text)
{
	char path[256];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", oracle->instance, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && write(fd, text, strlen(text)) > 0;
	if (fd >= 0)
		close(fd);
	return good;
}

bool oracle_start(struct oracle *oracle)
{
	char path[64];

	*oracle = (struct oracle){ .text = NULL };
	snprintf(path, sizeof(path), "%s/instances", tracefs);
	if (access(path, W_OK) < 0)
		mount("tracefs", tracefs, "tracefs", 0, NULL);
	snprintf(oracle->instance, sizeof(oracle->instance), "%s/tcpshadow-%d",
		 path, getpid());
	if (mkdir(oracle->instance, 0700) < 0)
		return false;
	if (write_file(oracle, "buffer_size_kb", "16384") &&
	    write_file(oracle, "events/sock/inet_sock_set_state/enable", "1"))
		return true;
	rmdir(oracle->instance);
	return false;
}

void oracle_stop(struct oracle *oracle)
{
	char path[256];
	size_t used = 0;
	ssize_t got;
	int fd;

	write_file(oracle, "events/sock/inet_sock_set_state/enable", "0");
	snprintf(path, sizeof(path), "%s/trace", oracle->instance);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	do {
		oracle->text = realloc(oracle->text, used + 65537);
		got = fd < 0 ? 0 : read(fd, oracle->text + used, 65536);
		used += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	oracle->text[used] = '\0';
	if (fd >= 0)
		close(fd);
	rmdir(oracle->instance);
}

void oracle_free(struct oracle *oracle)
{
	free(oracle->text);
}

/* The kernel's names, and the RFC's. */
static const char *rfc_name(const char *kernel)
{
	static const char *const names[][2] = {
		{ "TCP_ESTABLISHED", "ESTABLISHED" },
		{ "TCP_SYN_SENT", "SYN_SENT" },
		{ "TCP_SYN_RECV", "SYN_RCVD" },
		{ "TCP_FIN_WAIT1", "FIN_WAIT_1" },
		{ "TCP_FIN_WAIT2", "FIN_WAIT_2" },
		{ "TCP_TIME_WAIT", "TIME_WAIT" },
		{ "TCP_CLOSE", "CLOSED" },
		{ "TCP_CLOSE_WAIT", "CLOSE_WAIT" },
		{ "TCP_LAST_ACK", "LAST_ACK" },
		{ "TCP_LISTEN", "LISTEN" },
		{ "TCP_CLOSING", "CLOSING" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i][0], kernel) == 0)
			return names[i][1];
	}
	return "?";
}

/* NAME=VALUE of the line; "" when it has none. */
static void copy_field(const char *line, const char *name, char *value,
		       size_t size)
{
	const char *end = line + strcspn(line, "\n");
	const char *at = strstr(line, name);
	size_t length = 0;

	if (at && at < end) {
		at += strlen(name);
		length = strcspn(at, " \n");
	}
	snprintf(value, size, "%.*s", (int)length, at ? at : "");
}

/*
 * Not sscanf: it measures the whole rest of the recording first, which may have
 * megabytes when others are busy on this machine.
 */
static bool parse_event(const char *line, int *local, int *peer, char *from,
			char *to)
{
	const char *at = strstr(line, "inet_sock_set_state: ");
	char port[16];

	/* Not in a later line: the recording begins with comments. */
	if (!at || memchr(line, '\n', (size_t)(at - line)))
		return false;
	copy_field(at, " sport=", port, sizeof(port));
	*local = atoi(port);
	copy_field(at, " dport=", port, sizeof(port));
	*peer = atoi(port);
	copy_field(at, " oldstate=", from, 32);
	copy_field(at, " newstate=", to, 32);
	return from[0] != '\0' && to[0] != '\0';
}

const char *oracle_path(const struct oracle *oracle, int local, int peer)
{
	static char text[8192];
	const char *line = oracle->text;

	text[0] = '\0';
	while (line && *line) {
		const char *end = strchr(line, '\n');
		size_t used = strlen(text);
		char from[32];
		char to[32];
		int sport;
		int dport;

		/* shutdown() and then close() announce FIN_WAIT_1 twice. */
		if (parse_event(line, &sport, &dport, from, to) &&
		    sport == local && dport == peer &&
		    strcmp(to, "TCP_SYN_SENT") != 0 && strcmp(from, to) != 0)
			snprintf(text + used, sizeof(text) - used, "%s>%s",
				 used == 0 ? rfc_name(from) : "", rfc_name(to));
		line = end ? end + 1 : NULL;
	}
	return text;
}

static int port_of_text(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon ? atoi(colon + 1) : 0;
}

/* The shadow's path as the kernel would tell it. */
static void as_kernel(char *path)
{
	static const char opening[] = "CLOSED>SYN_SENT>";
	char *at = strstr(path, ">TIME_WAIT");

	if (strncmp(path, opening, sizeof(opening) - 1) == 0)
		memmove(path, path + 7, strlen(path + 7) + 1);
	if (at) {
		at = strstr(path, ">TIME_WAIT");
		strcpy(at, ">CLOSED");
	}
}

static int count_steps(const char *path)
{
	int steps = 0;

	for (; *path; path++)
		steps += *path == '>';
	return steps;
}

static bool begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

/*
 * Both sides closed within a few microseconds, see docs/limits.md. Either the
 * peer's FIN, its reset, or what makes our close one, came between the look and
 * our close(): what the shadow took for the first close was the second one, or
 * sent no FIN. Or the two FINs crossed on the wire, and the step between, which
 * the log calls inferred, was CLOSING.
 */
static bool is_crossing(const char *shadow, const char *kernel)
{
	static const char ours[] = "ESTABLISHED>FIN_WAIT_1";
	static const char waited[] = "ESTABLISHED>FIN_WAIT_1>FIN_WAIT_2>CLOSED";
	static const char second[] = "CLOSE_WAIT>LAST_ACK>CLOSED";
	const char *at = strstr(shadow, second);
	const char *theirs;

	if (at && strncmp(shadow, kernel, (size_t)(at - shadow)) == 0 &&
	    strcmp(kernel + (at - shadow), "CLOSE_WAIT>CLOSED") == 0)
		return true;
	at = strstr(shadow, ours);
	if (!at || strncmp(shadow, kernel, (size_t)(at - shadow)) != 0)
		return false;
	theirs = kernel + (at - shadow);
	if (begins(theirs, "ESTABLISHED>CLOSE_WAIT>") ||
	    begins(theirs, "ESTABLISHED>CLOSED"))
		return true;
	return strcmp(at, waited) == 0 &&
	       strcmp(theirs, "ESTABLISHED>FIN_WAIT_1>CLOSING>CLOSED") == 0;
}

/*
 * The last step leads to CLOSED, "likely": the kernel had no more to tell. It
 * has to be where the kernel got to.
 */
static bool is_guess(const char *shadow, const char *kernel, bool likely)
{
	static const char end[] = ">CLOSED";
	const char *last = strrchr(shadow, '>');
	const char *reached = strrchr(kernel, '>');

	return likely && last && reached && strcmp(last, end) == 0 &&
	       strcmp(reached, end) == 0 &&
	       strncmp(shadow, kernel, (size_t)(last - shadow)) == 0;
}

/* line is the last of its connection. */
static void compare_one(const struct oracle *oracle, const char *log,
			const struct log_line *line, struct comparison *sum)
{
	char shadow[4096];
	const char *kernel;

	snprintf(shadow, sizeof(shadow), "%s",
		 log_path_between(log, line->pid, line->local, line->peer));
	as_kernel(shadow);
	kernel = oracle_path(oracle, port_of_text(line->local),
			     port_of_text(line->peer));
	sum->connections++;
	if (kernel[0] == '\0') {
		sum->unmatched++;
		return;
	}
	sum->transitions += count_steps(shadow);
	if (strncmp(kernel, shadow, strlen(shadow)) != 0) {
		/* A process may come in late: its steps are the kernel's last. */
		const char *late = strstr(kernel, shadow);

		if (!late && is_crossing(shadow, kernel)) {
			sum->crossings++;
			return;
		}
		if (!late && is_guess(shadow, kernel,
				      strstr(line->cause, "likely") != NULL)) {
			sum->guesses++;
			return;
		}
		if (!late) {
			sum->contradictions++;
			fprintf(stderr,
				"contradiction %d %s %s:\n shadow %s\n "
				"kernel %s\n",
				line->pid, line->local, line->peer, shadow,
				kernel);
			return;
		}
	}
	sum->unseen += count_steps(kernel) - count_steps(shadow);
}

struct comparison oracle_compare(const struct oracle *oracle, const char *log)
{
	struct comparison sum = { .connections = 0 };
	size_t count;
	struct log_line *lines = log_transitions(log, &count);

	for (size_t i = 0; i < count; i++) {
		bool again = false;

		for (size_t j = i + 1; j < count && !again; j++)
			again = lines[j].pid == lines[i].pid &&
				strcmp(lines[j].local, lines[i].local) == 0 &&
				strcmp(lines[j].peer, lines[i].peer) == 0;
		if (!again)
			compare_one(oracle, log, &lines[i], &sum);
	}
	free(lines);
	return sum;
}
