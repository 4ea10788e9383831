/* The kernel's side of truth.c: the tracepoints, in a tracefs instance. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/truth_paths.h"

static bool write_file(const char *name, const char *text)
{
	char path[256];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", truth.instance, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && write(fd, text, strlen(text)) > 0;
	if (fd >= 0)
		close(fd);
	return good;
}

/* A listener that was not bound gets its port after it is announced. */
static bool set_filter(const char *filter)
{
	char or_listen[512];

	if (!filter)
		return true;
	snprintf(or_listen, sizeof(or_listen), "%s || newstate == 10", filter);
	return write_file("events/sock/inet_sock_set_state/filter", or_listen);
}

/* What a test left behind that was killed: it would record, and cost, for ever.
 */
static void remove_stale(const char *instances)
{
	char pattern[256];
	char path[512];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/truth-*", instances);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int pid = atoi(strrchr(found.gl_pathv[i], '-') + 1);
		FILE *enable;

		if (kill(pid, 0) == 0 || errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), "%s/events/enable",
			 found.gl_pathv[i]);
		enable = fopen(path, "w");
		if (enable) {
			fputs("0", enable);
			fclose(enable);
		}
		rmdir(found.gl_pathv[i]);
	}
	globfree(&found);
}

bool truth_kernel_start(const char *filter)
{
	static const char instances[] = "/sys/kernel/tracing/instances";
	char path[256];

	if (access(instances, W_OK) < 0)
		mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	remove_stale(instances);
	snprintf(truth.instance, sizeof(truth.instance), "%s/truth-%d",
		 instances, getpid());
	if (mkdir(truth.instance, 0700) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/trace_pipe", truth.instance);
	truth.pipe = fopen(path, "r");
	if (truth.pipe)
		fcntl(fileno(truth.pipe), F_SETFL, O_NONBLOCK);
	if (truth.pipe && write_file("buffer_size_kb", "131072") &&
	    write_file("trace_clock", "mono") &&
	    write_file("options/fields", "1") && set_filter(filter) &&
	    write_file("events/tcp/tcp_destroy_sock/enable", "1") &&
	    write_file("events/sock/inet_sock_set_state/enable", "1"))
		return true;
	rmdir(truth.instance);
	return false;
}

void truth_add_step(struct path *path, struct step step)
{
	/* shutdown() and then close() announce FIN_WAIT_1 twice. */
	if (step.from == step.to)
		return;
	path->steps =
		realloc(path->steps, (path->count + 1) * sizeof(*path->steps));
	path->steps[path->count++] = step;
}

static uint32_t hash_of(uint64_t address)
{
	return (uint32_t)(address * 0x9e3779b97f4a7c15 >> 48) % ADDRESSES;
}

/* The living socket at this address; addresses are used again. */
static struct path *socket_at(uint64_t address)
{
	struct path *path;

	for (int32_t i = truth.last_at[hash_of(address)]; i > 0;
	     i = path->older) {
		path = &truth.kernel[i - 1];
		if (path->address == address)
			return path->destroyed ? NULL : path;
	}
	return NULL;
}

static struct path *new_socket(uint64_t address)
{
	int32_t *last = &truth.last_at[hash_of(address)];
	struct path *path;

	if (truth.kernel_count % 1024 == 0)
		truth.kernel =
			realloc(truth.kernel, (truth.kernel_count + 1024) *
						      sizeof(*truth.kernel));
	path = &truth.kernel[truth.kernel_count++];
	*path = (struct path){ .address = address, .older = *last };
	*last = (int32_t)truth.kernel_count;
	return path;
}

static uint64_t field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

static void read_event(const char *line)
{
	const char *colon = strstr(line, ": ");
	const char *at = colon;
	struct event event = {
		.address = field(line, "skaddr=0x"),
		.cookie = field(line, "sock_cookie=0x"),
		.local = (uint16_t)field(line, "sport=0x"),
		.peer = (uint16_t)field(line, "dport=0x"),
		.number = truth.event_count,
	};

	if (strstr(line, "LOST")) {
		fprintf(stderr, "the kernel's buffer: %s", line);
		truth.lost = true;
	}
	if (line[0] == '#' || event.address == 0 || !colon)
		return;
	while (at > line && at[-1] != ' ')
		at--;
	event.step.time = strtod(at, NULL);
	/* Other protocols have states, too. */
	if (!event.cookie && field(line, "protocol=0x") != 6)
		return;
	event.step.from =
		state_from_kernel((unsigned int)field(line, "oldstate=0x"));
	event.step.to =
		state_from_kernel((unsigned int)field(line, "newstate=0x"));
	if (truth.event_count % 4096 == 0)
		truth.events =
			realloc(truth.events, (truth.event_count + 4096) *
						      sizeof(*truth.events));
	truth.events[truth.event_count++] = event;
}

/* The processors' recordings are read one after the other. */
static int by_time(const void *a, const void *b)
{
	const struct event *one = a;
	const struct event *two = b;

	if (one->step.time != two->step.time)
		return one->step.time < two->step.time ? -1 : 1;
	return one->number < two->number ? -1 : 1;
}

static void play_event(const struct event *event)
{
	struct path *socket = socket_at(event->address);

	if (event->cookie) {
		if (!socket)
			return;
		socket->cookie = event->cookie;
		socket->destroyed = true;
		return;
	}
	/* The end of a socket that the filter left out was left out, too. */
	if (!socket || socket->steps[socket->count - 1].to != event->step.from)
		socket = new_socket(event->address);
	if (event->local != 0) {
		socket->local = event->local;
		socket->peer = event->peer;
	}
	truth_add_step(socket, event->step);
}

static void play_events(void)
{
	qsort(truth.events, truth.event_count, sizeof(*truth.events), by_time);
	for (size_t i = 0; i < truth.event_count; i++)
		play_event(&truth.events[i]);
	free(truth.events);
}

/* What there is of it; a line that is not complete yet comes again. */
void truth_kernel_read(void)
{
	static char rest[4096];
	char line[4096];

	clearerr(truth.pipe);
	while (fgets(line, sizeof(line), truth.pipe)) {
		size_t used = strlen(rest);
		bool whole = strchr(line, '\n') != NULL;

		if (used + strlen(line) < sizeof(rest))
			strcat(rest, line);
		if (!whole)
			continue;
		read_event(rest);
		rest[0] = '\0';
	}
}

void truth_kernel_end(void)
{
	fclose(truth.pipe);
	rmdir(truth.instance);
	play_events();
}

void truth_kernel_stop(void)
{
	write_file("events/enable", "0");
}
