#include "support/truth.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "model/machine.h"
#include "ring/read.h"

enum { SLOTS = 1 << 17, RUN = 0x7257, ADDRESSES = 1 << 16 };

struct step {
	double time; /* CLOCK_MONOTONIC, seconds */
	enum tcp_state from;
	enum tcp_state to;
	bool likely; /* says that it was not seen, but guessed */
};

/* A socket of the kernel's, or what one process recorded of it. */
struct path {
	uint64_t cookie;  /* 0: not yet known */
	uint64_t address; /* of the kernel's struct sock */
	uint32_t process; /* number in the run */
	int pid;
	struct step *steps;
	size_t count;
	int32_t older;  /* the one before in its hash, and one */
	uint16_t local; /* ports */
	uint16_t peer;
	double released; /* closed here, and still held by others: when */
	bool destroyed;
	bool followed; /* by some process */
};

/* Of the kernel's recording. */
struct event {
	struct step step;
	uint64_t address;
	uint64_t cookie; /* the end of the socket, else 0 */
	size_t number;
	uint16_t local;
	uint16_t peer;
};

struct process {
	uint32_t number;
	double end; /* 0: no word of it */
	double exec;
};

static struct {
	char instance[128];
	char variable[128];
	struct ring_reader reader;
	int ring_fd;
	FILE *pipe;                 /* the trace, as it comes */
	int32_t last_at[ADDRESSES]; /* the newest socket of a hash, and one */
	double offset;              /* CLOCK_REALTIME less CLOCK_MONOTONIC */
	bool lost;                  /* events of the kernel's */
	pthread_t collector;
	atomic_bool stop;
	struct event *events;
	size_t event_count;
	struct path *kernel;
	size_t kernel_count;
	struct path *shadow;
	size_t shadow_count;
	struct process *processes;
	size_t process_count;
} truth;

/* --- the kernel's side ------------------------------------------------------ */

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

static bool start_tracing(const char *filter)
{
	static const char instances[] = "/sys/kernel/tracing/instances";
	char path[256];

	if (access(instances, W_OK) < 0)
		mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	snprintf(truth.instance, sizeof(truth.instance), "%s/truth-%d",
		 instances, getpid());
	if (mkdir(truth.instance, 0700) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/trace_pipe", truth.instance);
	truth.pipe = fopen(path, "r");
	if (truth.pipe)
		fcntl(fileno(truth.pipe), F_SETFL, O_NONBLOCK);
	if (truth.pipe && write_file("buffer_size_kb", "32768") &&
	    write_file("trace_clock", "mono") &&
	    write_file("options/fields", "1") && set_filter(filter) &&
	    write_file("events/tcp/tcp_destroy_sock/enable", "1") &&
	    write_file("events/sock/inet_sock_set_state/enable", "1"))
		return true;
	rmdir(truth.instance);
	return false;
}

static void add_step(struct path *path, struct step step)
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

	if (strstr(line, "LOST"))
		truth.lost = true;
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
	add_step(socket, event->step);
}

static void play_events(void)
{
	qsort(truth.events, truth.event_count, sizeof(*truth.events), by_time);
	for (size_t i = 0; i < truth.event_count; i++)
		play_event(&truth.events[i]);
	free(truth.events);
}

/* What there is of it; a line that is not complete yet comes again. */
static void read_trace(void)
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

/* --- the library's side ----------------------------------------------------- */

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct path *path_of(const struct ring_head *head, uint64_t cookie)
{
	struct path *path;

	for (size_t i = truth.shadow_count; i-- > 0;) {
		path = &truth.shadow[i];
		if (path->cookie == cookie && path->process == head->process)
			return path;
	}
	truth.shadow = realloc(truth.shadow, (truth.shadow_count + 1) *
						     sizeof(*truth.shadow));
	path = &truth.shadow[truth.shadow_count++];
	*path = (struct path){ .cookie = cookie,
			       .process = head->process,
			       .pid = head->pid };
	return path;
}

static struct process *process_of(uint32_t number)
{
	struct process *process;

	for (size_t i = truth.process_count; i-- > 0;) {
		if (truth.processes[i].number == number)
			return &truth.processes[i];
	}
	truth.processes =
		realloc(truth.processes,
			(truth.process_count + 1) * sizeof(*truth.processes));
	process = &truth.processes[truth.process_count++];
	*process = (struct process){ .number = number };
	return process;
}

static void take_record(const struct ring_record *record)
{
	const struct ring_head *head = (const void *)record->bytes;
	double time = (double)head->time / 1e9 - truth.offset;
	const struct ring_transition *transition = (const void *)record->bytes;
	const struct ring_released *released = (const void *)record->bytes;
	const struct ring_exec *exec = (const void *)record->bytes;
	const struct edge *edge;
	struct path *path;

	switch (record->kind) {
	case RING_TRANSITION:
		edge = machine_edges(NULL) + transition->edge;
		path = path_of(head, transition->cookie);
		path->local = transition->local.port;
		path->peer = transition->peer.port;
		add_step(path, (struct step){ .time = time,
					      .from = edge->from,
					      .to = edge->to,
					      .likely = transition->likely });
		break;
	case RING_RELEASED:
		path_of(head, released->cookie)->released = time;
		break;
	case RING_END:
		process_of(head->process)->end = time;
		break;
	case RING_EXEC:
		if (exec->child == head->pid)
			process_of(head->process)->exec = time;
		break;
	case RING_EXEC_FAILED:
		if (exec->child == head->pid)
			process_of(head->process)->exec = 0;
		break;
	default:
		break;
	}
}

static void take_all(void)
{
	static struct ring_record record;

	while (ring_read(&truth.reader, &record, false))
		take_record(&record);
	read_trace();
}

/* All the time, so that neither of the two buffers overflows. */
static void *collect(void *unused)
{
	while (!atomic_load(&truth.stop)) {
		take_all();
		poll(NULL, 0, 10);
	}
	return unused;
}

/* CLOCK_REALTIME less CLOCK_MONOTONIC; a pause between the two is no part. */
static double clock_offset(void)
{
	double best = 1e9;
	double offset = 0;

	for (int i = 0; i < 100; i++) {
		double before = seconds(CLOCK_MONOTONIC);
		double real = seconds(CLOCK_REALTIME);
		double after = seconds(CLOCK_MONOTONIC);

		if (after - before >= best)
			continue;
		best = after - before;
		offset = real - before;
	}
	return offset;
}

bool truth_start(const char **variable, const char *filter)
{
	if (!start_tracing(filter))
		return false;
	truth.ring_fd = ring_create(&truth.reader, SLOTS, RUN);
	if (truth.ring_fd < 0)
		return false;
	truth.offset = clock_offset();
	atomic_store(&truth.stop, false);
	if (pthread_create(&truth.collector, NULL, collect, NULL) != 0)
		return false;
	snprintf(truth.variable, sizeof(truth.variable),
		 "TCPSHADOW_RING=/proc/%d/fd/%d:%x", getpid(), truth.ring_fd,
		 RUN);
	*variable = truth.variable;
	return true;
}

/* --- held against each other ------------------------------------------------ */

static void print_path(const char *name, const struct path *path)
{
	fprintf(stderr, " %s", name);
	for (size_t i = 0; i < path->count; i++)
		fprintf(stderr, "%s%s>%s", i == 0 ? " " : " ",
			state_name(path->steps[i].from),
			state_name(path->steps[i].to));
	fprintf(stderr, "\n");
}

/*
 * As the kernel tells it: what is TIME_WAIT in the RFC is CLOSE for its socket,
 * a small stand-in that has no events takes over.
 */
static struct path as_kernel(const struct path *shadow)
{
	struct path copy = *shadow;

	copy.steps = NULL;
	copy.count = 0;
	for (size_t i = 0; i < shadow->count; i++) {
		struct step step = shadow->steps[i];

		/* Two threads: who was first may be recorded last. */
		if (i > 0 && i + 1 < shadow->count &&
		    step.from != shadow->steps[i - 1].to &&
		    shadow->steps[i + 1].to == step.from &&
		    shadow->steps[i + 1].from == shadow->steps[i - 1].to) {
			struct step first = shadow->steps[i + 1];

			shadow->steps[i + 1] = step;
			step = first;
		}
		if (step.from == ST_TIME_WAIT)
			continue;
		if (step.to == ST_TIME_WAIT)
			step.to = ST_CLOSED;
		add_step(&copy, step);
	}
	return copy;
}

static bool same_step(const struct step *one, const struct step *two)
{
	return one->from == two->from && one->to == two->to;
}

/* How many steps of the shadow agree with the kernel's from `start` on. */
static size_t agreeing(const struct path *shadow, const struct path *kernel,
		       size_t start)
{
	size_t count = 0;

	while (count < shadow->count && start + count < kernel->count &&
	       same_step(&shadow->steps[count], &kernel->steps[start + count]))
		count++;
	return count;
}

static bool ends_as(const struct path *path, size_t from,
		    const enum tcp_state *states)
{
	for (; *states != ST_COUNT; from++, states++) {
		if (from >= path->count || path->steps[from].to != *states)
			return false;
	}
	return true;
}

/*
 * What came from the peer within microseconds, see docs/limits.md: its FIN or
 * reset between the look before our close and the close; or the two FINs
 * crossed.
 */
static bool is_crossing(const struct path *shadow, const struct path *kernel,
			size_t start, size_t agreed)
{
	static const enum tcp_state closed[] = { ST_FIN_WAIT_1, ST_COUNT };
	static const enum tcp_state aborted[] = { ST_CLOSED, ST_COUNT };
	static const enum tcp_state fin[] = { ST_CLOSE_WAIT, ST_COUNT };
	static const enum tcp_state waited[] = { ST_FIN_WAIT_2, ST_COUNT };
	static const enum tcp_state crossed[] = { ST_CLOSING, ST_COUNT };
	size_t at = start + agreed;

	if (agreed < shadow->count &&
	    shadow->steps[agreed].from == ST_ESTABLISHED)
		return (ends_as(shadow, agreed, closed) &&
			(ends_as(kernel, at, fin) ||
			 ends_as(kernel, at, aborted))) ||
		       (ends_as(shadow, agreed, aborted) &&
			ends_as(kernel, at, fin));
	return ends_as(shadow, agreed, waited) && ends_as(kernel, at, crossed);
}

/*
 * The last step leads to CLOSED, "likely": the kernel had no more to tell. It
 * has to be where the kernel got to.
 */
static bool is_guess(const struct path *shadow, const struct path *kernel,
		     size_t agreed)
{
	return agreed == shadow->count - 1 && shadow->steps[agreed].likely &&
	       shadow->steps[agreed].to == ST_CLOSED && kernel->count > 0 &&
	       kernel->steps[kernel->count - 1].to == ST_CLOSED;
}

/* A socket that still lives has not told its cookie: then its ports tell. */
static const struct path *kernel_of(const struct path *shadow)
{
	for (size_t i = truth.kernel_count; i-- > 0;) {
		struct path *path = &truth.kernel[i];

		if (path->destroyed ? path->cookie == shadow->cookie
				    : path->local == shadow->local &&
					      path->peer == shadow->peer) {
			path->followed = true;
			return path;
		}
	}
	return NULL;
}

/* Has another process of the run recorded the step? */
static bool is_elsewhere(const struct path *shadow, const struct step *step)
{
	for (size_t i = 0; i < truth.shadow_count; i++) {
		const struct path *other = &truth.shadow[i];

		if (other->cookie != shadow->cookie ||
		    other->process == shadow->process)
			continue;
		for (size_t j = 0; j < other->count; j++) {
			struct step its = other->steps[j];

			if (its.to == ST_TIME_WAIT)
				its.to = ST_CLOSED;
			if (same_step(&its, step))
				return true;
		}
	}
	return false;
}

static enum unseen reason_of(const struct path *shadow, const struct step *step)
{
	const struct process *process = process_of(shadow->process);

	enum tcp_state last = shadow->count
				      ? shadow->steps[shadow->count - 1].to
				      : ST_UNKNOWN;

	if (is_elsewhere(shadow, step))
		return UNSEEN_ELSEWHERE;
	if (shadow->released != 0)
		return UNSEEN_RELEASED;
	if (process->exec != 0)
		return UNSEEN_AFTER_EXEC;
	if (process->end == 0)
		return UNSEEN_KILLED;
	if (step->time >= process->end)
		return UNSEEN_AFTER_END;
	if (last == ST_FIN_WAIT_1 || last == ST_FIN_WAIT_2 ||
	    last == ST_LAST_ACK || last == ST_CLOSING)
		return UNSEEN_DROPPED;
	return UNSEEN_NEVER;
}

static void compare(const struct path *recorded, struct truth_sum *sum)
{
	struct path shadow = as_kernel(recorded);
	const struct path *kernel = kernel_of(recorded);
	size_t best = 0;
	size_t start = 0;

	sum->connections++;
	if (!kernel) {
		sum->unmatched++;
		fprintf(stderr, "unmatched: pid %d cookie %" PRIx64 "\n",
			recorded->pid, recorded->cookie);
		print_path("shadow", recorded);
		return;
	}
	/* A process that comes late begins somewhere. */
	for (size_t i = 0; i < kernel->count; i++) {
		if (agreeing(&shadow, kernel, i) > best) {
			best = agreeing(&shadow, kernel, i);
			start = i;
		}
	}
	sum->transitions += (int)best;
	if (best < shadow.count && is_guess(&shadow, kernel, best)) {
		sum->unseen[UNSEEN_GUESSED] +=
			(int)(kernel->count - start - best);
		free(shadow.steps);
		return;
	}
	if (best < shadow.count) {
		if (is_crossing(&shadow, kernel, start, best)) {
			sum->crossings++;
		} else {
			sum->contradictions++;
			fprintf(stderr,
				"contradiction: pid %d cookie %" PRIx64 "\n",
				recorded->pid, recorded->cookie);
			print_path("shadow", recorded);
			print_path("kernel", kernel);
		}
		free(shadow.steps);
		return;
	}
	for (size_t i = 0; i < start; i++)
		sum->unseen[is_elsewhere(recorded, &kernel->steps[i])
				    ? UNSEEN_ELSEWHERE
				    : UNSEEN_BEFORE]++;
	for (size_t i = start + best; i < kernel->count; i++)
		sum->unseen[reason_of(recorded, &kernel->steps[i])]++;
	free(shadow.steps);
}

static void free_paths(struct path *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(paths[i].steps);
	free(paths);
}

struct truth_sum truth_end(void)
{
	struct truth_sum sum = { .connections = 0 };

	write_file("events/enable", "0");
	atomic_store(&truth.stop, true);
	pthread_join(truth.collector, NULL);
	take_all();
	fclose(truth.pipe);
	rmdir(truth.instance);
	play_events();
	for (size_t i = 0; i < truth.shadow_count; i++)
		compare(&truth.shadow[i], &sum);
	for (size_t i = 0; i < truth.kernel_count; i++) {
		const struct path *kernel = &truth.kernel[i];
		bool child = kernel->steps[0].from == ST_LISTEN;

		if (!kernel->followed)
			sum.unseen[child ? UNSEEN_NOT_ACCEPTED
					 : UNSEEN_NOT_FOLLOWED] +=
				(int)kernel->count;
	}
	sum.lost = truth.lost || ring_lost(&truth.reader) > 0;
	ring_destroy(&truth.reader);
	close(truth.ring_fd);
	free_paths(truth.kernel, truth.kernel_count);
	free_paths(truth.shadow, truth.shadow_count);
	free(truth.processes);
	return sum;
}

void truth_print(const char *name, const struct truth_sum *sum)
{
	static const char *const reasons[UNSEEN_COUNT] = {
		[UNSEEN_BEFORE] = "before it came to the process",
		[UNSEEN_AFTER_END] = "after the process's end",
		[UNSEEN_AFTER_EXEC] = "after an exec",
		[UNSEEN_KILLED] = "process killed",
		[UNSEEN_ELSEWHERE] = "seen by another process",
		[UNSEEN_RELEASED] = "closed here, held elsewhere",
		[UNSEEN_DROPPED] = "ghost dropped (1024 are kept)",
		[UNSEEN_GUESSED] = "before an end that was guessed",
		[UNSEEN_NEVER] = "no call after it",
		[UNSEEN_NOT_ACCEPTED] = "never accepted",
		[UNSEEN_NOT_FOLLOWED] = "not under the library",
	};

	fprintf(stderr,
		"table: %-10s %5d connections, %6d transitions compared, %d "
		"contradictions, %d crossings, %d unmatched; unseen:",
		name, sum->connections, sum->transitions, sum->contradictions,
		sum->crossings, sum->unmatched);
	for (int i = 0; i < UNSEEN_COUNT; i++) {
		if (sum->unseen[i] > 0)
			fprintf(stderr, " %d %s,", sum->unseen[i], reasons[i]);
	}
	fprintf(stderr, "\n");
}
