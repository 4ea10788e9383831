#include "support/truth.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model/machine.h"
#include "support/truth_paths.h"

struct truth truth;

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
	const struct walk *walk =
		&((const struct ring_walk *)(const void *)record->bytes)->walk;
	const struct ring_released *released = (const void *)record->bytes;
	const struct ring_exec *exec = (const void *)record->bytes;
	const struct edge *edge;
	struct path *path;

	switch (record->kind) {
	case RING_WALK:
		path = path_of(head, walk->cookie);
		path->local = walk->local.port;
		path->peer = walk->peer.port;
		for (unsigned int i = 0; i < walk->length; i++) {
			edge = machine_edges(NULL) + walk->rows[i];
			truth_add_step(path,
				       (struct step){
					       .time = time,
					       .from = edge->from,
					       .to = edge->to,
					       .likely = walk->likely &&
							 i + 1 == walk->length,
				       });
		}
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
	truth_kernel_read();
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
	if (!truth_kernel_start(filter))
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

/* Of two threads' steps, who was first may be recorded last. */
static bool comes_late(const struct path *shadow, size_t i)
{
	const struct step *step = &shadow->steps[i];

	if (i + 1 == shadow->count || step[1].to != step->from)
		return false;
	if (i == 0)
		return step[1].from == ST_CLOSED;
	return step->from != step[-1].to && step[1].from == step[-1].to;
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

		if (comes_late(shadow, i)) {
			struct step first = shadow->steps[i + 1];

			shadow->steps[i + 1] = step;
			step = first;
		}
		if (step.from == ST_TIME_WAIT)
			continue;
		if (step.to == ST_TIME_WAIT)
			step.to = ST_CLOSED;
		truth_add_step(&copy, step);
	}
	return copy;
}

static bool same_step(const struct step *one, const struct step *two)
{
	return one->from == two->from && one->to == two->to;
}

/* Where the shadow's steps lie in the kernel's. */
struct match {
	size_t start; /* the kernel's first */
	size_t end;   /* one after the kernel's last */
	size_t count; /* of the shadow's that agree */
};

/*
 * A step that does not begin where the one before it ended is of a record that
 * was made anew: the process came to the socket again, later.
 */
static struct match match_from(const struct path *shadow,
			       const struct path *kernel, size_t start)
{
	struct match match = { .start = start, .end = start };

	while (match.count < shadow->count && match.end < kernel->count) {
		const struct step *step = &shadow->steps[match.count];
		bool again = match.count > 0 &&
			     step->from != shadow->steps[match.count - 1].to;
		size_t at = match.end;

		while (again && at < kernel->count &&
		       !same_step(step, &kernel->steps[at]))
			at++;
		if (at == kernel->count || !same_step(step, &kernel->steps[at]))
			break;
		match.count++;
		match.end = at + 1;
	}
	return match;
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
 * What happened within microseconds, see docs/limits.md: between the look
 * before our close and the close came the peer's FIN or reset, or the answer to
 * our FIN, or another thread read what was unread; or the two FINs crossed.
 */
static bool is_crossing(const struct path *shadow, const struct path *kernel,
			size_t at, size_t agreed)
{
	static const enum tcp_state closed[] = { ST_FIN_WAIT_1, ST_COUNT };
	static const enum tcp_state second[] = { ST_LAST_ACK, ST_COUNT };
	static const enum tcp_state aborted[] = { ST_CLOSED, ST_COUNT };
	static const enum tcp_state answered[] = { ST_FIN_WAIT_2, ST_CLOSED,
						   ST_COUNT };
	static const enum tcp_state fin[] = { ST_CLOSE_WAIT, ST_COUNT };
	static const enum tcp_state waited[] = { ST_FIN_WAIT_2, ST_COUNT };
	static const enum tcp_state crossed[] = { ST_CLOSING, ST_COUNT };
	enum tcp_state from = agreed < shadow->count
				      ? shadow->steps[agreed].from
				      : ST_UNKNOWN;

	if (from == ST_ESTABLISHED && ends_as(shadow, agreed, closed))
		return ends_as(kernel, at, fin) || ends_as(kernel, at, aborted);
	if (from == ST_ESTABLISHED && ends_as(shadow, agreed, aborted))
		return ends_as(kernel, at, fin) || ends_as(kernel, at, closed);
	if (from == ST_CLOSE_WAIT && ends_as(shadow, agreed, aborted))
		return ends_as(kernel, at, second);
	if (from == ST_CLOSE_WAIT && ends_as(shadow, agreed, second))
		return ends_as(kernel, at, aborted);
	if (from == ST_FIN_WAIT_1 && ends_as(shadow, agreed, aborted))
		return ends_as(kernel, at, answered);
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

static const struct path *find_kernel(const struct path *shadow, bool by_cookie)
{
	for (size_t i = truth.kernel_count; i-- > 0;) {
		struct path *path = &truth.kernel[i];

		if (path->destroyed != by_cookie ||
		    (by_cookie ? path->cookie != shadow->cookie
			       : path->local != shadow->local ||
					 path->peer != shadow->peer))
			continue;
		path->followed = true;
		return path;
	}
	return NULL;
}

/* A socket that still lives has not told its cookie: then its ports tell. */
static const struct path *kernel_of(const struct path *shadow)
{
	const struct path *path = find_kernel(shadow, true);

	return path ? path : find_kernel(shadow, false);
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

static void judge_rest(const struct path *recorded, const struct path *shadow,
		       const struct path *kernel, const struct match *match,
		       struct truth_sum *sum)
{
	if (is_guess(shadow, kernel, match->count)) {
		sum->unseen[UNSEEN_GUESSED] +=
			(int)(kernel->count - match->end);
		return;
	}
	if (is_crossing(shadow, kernel, match->end, match->count)) {
		sum->crossings++;
		return;
	}
	sum->contradictions++;
	fprintf(stderr, "contradiction: pid %d cookie %" PRIx64 "\n",
		recorded->pid, recorded->cookie);
	print_path("shadow", recorded);
	print_path("kernel", kernel);
}

static void count_unseen(const struct path *shadow, const struct path *kernel,
			 const struct match *match, struct truth_sum *sum)
{
	size_t skipped = match->end - match->start - match->count;

	sum->unseen[UNSEEN_BEFORE] += (int)skipped;
	for (size_t i = 0; i < match->start; i++)
		sum->unseen[is_elsewhere(shadow, &kernel->steps[i])
				    ? UNSEEN_ELSEWHERE
				    : UNSEEN_BEFORE]++;
	for (size_t i = match->end; i < kernel->count; i++)
		sum->unseen[reason_of(shadow, &kernel->steps[i])]++;
}

static void compare(const struct path *recorded, struct truth_sum *sum)
{
	struct path shadow = as_kernel(recorded);
	const struct path *kernel = kernel_of(recorded);
	struct match best = { .count = 0 };

	sum->connections++;
	if (!kernel) {
		sum->unmatched++;
		fprintf(stderr, "unmatched: pid %d cookie %" PRIx64 "\n",
			recorded->pid, recorded->cookie);
		print_path("shadow", recorded);
		free(shadow.steps);
		return;
	}
	/* A process that comes late begins somewhere. */
	for (size_t i = 0; i < kernel->count; i++) {
		struct match match = match_from(&shadow, kernel, i);

		if (match.count > best.count)
			best = match;
	}
	sum->transitions += (int)best.count;
	if (best.count < shadow.count)
		judge_rest(recorded, &shadow, kernel, &best, sum);
	else
		count_unseen(recorded, kernel, &best, sum);
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

	truth_kernel_stop();
	atomic_store(&truth.stop, true);
	pthread_join(truth.collector, NULL);
	take_all();
	truth_kernel_end();
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
	if (ring_lost(&truth.reader) > 0)
		fprintf(stderr, "the ring: %" PRIu64 " records lost\n",
			(uint64_t)ring_lost(&truth.reader));
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
