/* tcpshadow run: a program under the library, watched to its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command/aftermath.h"
#include "command/arguments.h"
#include "command/command.h"
#include "command/decode.h"
#include "command/gaps.h"
#include "command/handout.h"
#include "command/intake.h"
#include "command/launch.h"
#include "command/outputs.h"
#include "command/say.h"
#include "command/session.h"
#include "command/supervise.h"
#include "command/suppressions.h"
#include "command/target.h"
#include "command/unfinished.h"
#include "kernel/filters.h"

enum {
	RING_SLOTS = 1 << 18, /* 16 MiB */
	RING_SLOTS_LEAST = 1 << 10,
	TICK = 10,           /* ms between two looks into the ring */
	HOLE_PATIENCE = 500, /* ms until a writer is taken for dead */
	EXIT_NOT_STARTED = 126,
	EXIT_NOT_FOUND = 127,
};

struct run {
	struct arguments arguments;
	struct session *session;
	struct decoder decoder;
	struct aftermath aftermath;
	struct outputs outputs;
	struct supervisor supervisor;
	struct intake intake;
	struct handout handout;
	char *ring;           /* how its writers find it */
	uint64_t stuck_since; /* at a hole in the ring, 0: not stuck */
	struct process *last_watched;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/*
 * All that is in the ring by now (a program may go on filling it for ever); a
 * hole only when its writer must be dead.
 */
static void drain(struct run *run, bool skip)
{
	struct ring_reader *ring = &run->intake.ring;
	uint64_t end = ring_end(ring);

	while (intake_next(&run->intake, end, skip)) {
		decode(&run->decoder, &run->intake.record);
		run->stuck_since = 0;
	}
	if (ring->next >= end) {
		run->stuck_since = 0;
	} else if (run->stuck_since == 0) {
		run->stuck_since = now();
	} else if (now() - run->stuck_since > HOLE_PATIENCE * 1000000ULL) {
		run->stuck_since = 0;
		drain(run, true);
	}
}

static bool is_ours(void *argument, pid_t pid)
{
	struct run *run = argument;
	const struct process *process = session_pid(run->session, pid);

	return pid == run->supervisor.pid || (process && !process->gone);
}

/* Has it become a program that is not followed, and may have ended well? */
static bool has_executed(const struct run *run, const struct process *process)
{
	const struct pending_exec *exec = run->decoder.execs;

	while (exec &&
	       (exec->pid != process->own_pid || exec->pids != process->pids))
		exec = exec->next;
	return exec != NULL;
}

static void judge_unfinished(struct run *run, struct process *process)
{
	const struct arguments *arguments = &run->arguments;
	struct unfinished_options options = {
		.close_wait =
			strtoul(arguments_library(arguments, OPTION_CLOSE_WAIT),
				NULL, 10),
		.left_open =
			strcmp(arguments_library(arguments, OPTION_LEFT_OPEN),
			       "on") == 0,
	};

	if (!has_executed(run, process))
		unfinished_judge(run->session, process, &options);
}

static void end_process(struct run *run, struct process *process,
			const int *status)
{
	if (!process || process->gone)
		return;
	session_gone(run->session, process, now(), status);
	judge_unfinished(run, process);
	aftermath_of_process(&run->aftermath, process);
}

static void on_gone(void *argument, pid_t pid, const int *status)
{
	struct run *run = argument;

	drain(run, false);
	end_process(run, session_pid(run->session, pid), status);
}

/* Processes that were not known at the last look. */
static void watch_new_processes(struct run *run)
{
	struct process *process = run->last_watched ? run->last_watched->next
						    : run->session->processes;

	for (; process; process = process->next) {
		run->last_watched = process;
		/* What no pid of ours leads to has ended already. */
		if (process->hidden)
			end_process(run, process, NULL);
		else if (!process->replaced &&
			 !supervise_watch(&run->supervisor, process->pid))
			on_gone(run, process->pid, NULL);
	}
}

static void follow(struct run *run)
{
	bool all = option_match(OPTION_WAIT,
				run->arguments.values[OPTION_WAIT]) == 1;

	supervise_wake_by(&run->supervisor, run->handout.socket);
	while (all ? !run->supervisor.all_ended && !run->supervisor.told_to_end
		   : !run->supervisor.ended) {
		supervise_wait(&run->supervisor,
			       intake_is_behind(&run->intake) ? 0 : TICK);
		handout_serve(&run->handout);
		drain(run, false);
		watch_new_processes(run);
		session_caught_up(run->session);
	}
	handout_end(&run->handout);
	/* What is not finished now will never be. */
	drain(run, true);
}

static void finish(struct run *run)
{
	struct session *session = run->session;

	/* Twice: what has been executed meanwhile. */
	for (int i = 0; i < 2; i++) {
		gaps_note_beginners(&run->decoder, run->ring);
		drain(run, true);
	}
	session->ended = session_time(now());
	session->status = run->supervisor.status;
	session->lost = ring_lost(&run->intake.ring);
	session->holes = run->intake.ring.holes;
	for (struct process *process = session->processes; process;
	     process = process->next) {
		if (!process->replaced_by &&
		    (process->hidden || kill(process->pid, 0) < 0))
			end_process(run, process, NULL);
	}
	aftermath_of_run(&run->aftermath);
	gaps_losses(&run->decoder);
	gaps_unheard(&run->decoder);
	gaps_living(session, run->supervisor.told_to_end);
	gaps_unasked(session, run->aftermath.network);
	if (session->process_count == 0)
		session_blind(session, NULL,
			      "nothing was seen of the program: the library "
			      "was not loaded into it");
	session_over(session);
}

static const char *join(struct session *session, char **words)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));
	const char *joined;

	for (char **word = words; *word; word++)
		fprintf(stream, "%s%s", word == words ? "" : " ", *word);
	fclose(stream);
	joined = session_text(session, text);
	free(text);
	return joined;
}

/*
 * A limit of file sizes (ulimit -f) counts for this memory, too, and kills who
 * goes beyond it: under one the ring is as large as may be.
 */
static int create_ring(struct ring_reader *ring, uint64_t identity)
{
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	uint32_t slots = RING_SLOTS;
	int fd;

	do {
		fd = ring_create(ring, slots, identity);
		slots /= 2;
	} while (fd == -EFBIG && slots >= RING_SLOTS_LEAST);
	signal(SIGXFSZ, before);
	return fd;
}

/* The ring, and how its writers find it; NULL after a sentence. */
static char *make_ring(struct run *run)
{
	uint64_t identity = 0;
	int filters = filters_in_force();
	char *name = NULL;
	int fd;

	(void)!getrandom(&identity, sizeof(identity), 0);
	fd = create_ring(&run->intake.ring, identity);
	if (fd < 0) {
		say("no memory for the ring: %s",
		    fd == -EFBIG ? "the limit of file sizes is too low for it"
				 : strerror(-fd));
		return NULL;
	}
	handout_begin(&run->handout, fd);
	/* A number that no shell redirection is going to take. */
	if (asprintf(&name, "/proc/%d/fd/%d:%llx,%llx,%llx,%x", (int)getpid(),
		     fd, (unsigned long long)identity,
		     (unsigned long long)run->handout.name,
		     (unsigned long long)run->handout.key,
		     filters > 0 ? (unsigned int)filters : 0) < 0)
		name = NULL;
	return need_memory(name);
}

/* The status is that of a shell. */
static int say_no_program(const char *name, int error)
{
	if (error == ENOENT || error == ENOTDIR) {
		say("%s: there is no such program", name);
		return EXIT_NOT_FOUND;
	}
	say("%s: %s", name, strerror(error));
	return EXIT_NOT_STARTED;
}

/* No exec lacks a descriptor: what did was what this command needs itself. */
static void say_not_started(const char *path, int error)
{
	struct rlimit limit = { .rlim_max = 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	if (error == EMFILE)
		say("a limit of %llu descriptors (ulimit -Hn) is too low for "
		    "tcpshadow run",
		    (unsigned long long)limit.rlim_max);
	else
		say("%s: %s", path, strerror(error));
}

static int start(struct run *run)
{
	char *library = launch_library();
	char **argv = run->arguments.rest;
	int error;
	char *path = target_find(argv[0], &error);
	char *ring = NULL;
	int result = 0;

	if (!library && access("/proc/self/exe", F_OK) < 0)
		result = say_bad_input("there is no /proc here, by which "
				       "tcpshadow finds its library");
	else if (!library)
		result = say_bad_input("libtcpshadow.so is neither beside "
				       "tcpshadow nor in its lib folder");
	else if (strpbrk(library, " :"))
		result = say_bad_input("%s: LD_PRELOAD takes no file name with "
				       "a space or a colon",
				       library);
	else if (!path)
		result = say_no_program(argv[0], error);
	else
		ring = make_ring(run);
	if (ring) {
		result = supervise_start(&run->supervisor, path, argv,
					 launch_environment(library, ring,
							    &run->arguments));
		if (result < 0)
			say_not_started(path, -result);
		if (result == 0) {
			outputs_start(&run->outputs);
			gaps_target(run->session, path);
		}
		result = result == 0         ? 0
			 : result == -ENOENT ? EXIT_NOT_FOUND
					     : EXIT_NOT_STARTED;
	} else if (result == 0) {
		result = EXIT_NOT_STARTED;
	}
	run->ring = ring;
	free(path);
	free(library);
	return result;
}

/* All of it, once the outputs are open. */
static int watch(struct run *run)
{
	int exitcode =
		(int)arguments_number(&run->arguments, OPTION_ERROR_EXITCODE);
	bool succeeded;
	bool good;
	int status;
	int result;

	intake_begin(&run->intake);
	decoder_begin(&run->decoder, run->session);
	aftermath_begin(&run->aftermath, run->session);
	run->supervisor.is_ours = is_ours;
	run->supervisor.gone = on_gone;
	run->supervisor.argument = run;
	result = start(run);
	if (result == 0) {
		follow(run);
		finish(run);
	}
	good = outputs_end(&run->outputs);
	aftermath_end(&run->aftermath);
	decoder_end(&run->decoder);
	intake_end(&run->intake);
	free(run->ring);
	if (result != 0)
		return result;
	status = run->supervisor.status;
	succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (suppressions_recall_mistakes())
		good = false;
	if (succeeded && exitcode != 0 && outputs_failed(&run->outputs))
		return exitcode;
	/* A report that is not there must not pass for one without findings. */
	if (succeeded && !good)
		return EXIT_BAD_INPUT;
	supervise_end_as(status);
}

/* The processes of the run may be in any folder. */
static void make_absolute(struct arguments *arguments, enum option_id option)
{
	const char *path = arguments_file(arguments, option);
	char *folder = path && path[0] != '/' ? getcwd(NULL, 0) : NULL;
	char *absolute = NULL;

	if (!folder)
		return;
	if (asprintf(&absolute, "%s/%s", folder, path) < 0)
		absolute = NULL;
	arguments->values[option] = need_memory(absolute);
	free(folder);
}

int cmd_run(int argc, char **argv)
{
	static struct run run;
	const char *suppressions;
	int result = arguments_parse(&run.arguments, ARGUMENTS_RUN, argc, argv);

	if (result != 0)
		return result;
	if (run.arguments.rest_count == 0)
		return say_bad_input("run: which program? see `tcpshadow run "
				     "--help`");
	suppressions = arguments_file(&run.arguments, OPTION_SUPPRESSIONS);
	if (suppressions && !suppressions_load(suppressions))
		return EXIT_BAD_INPUT;
	make_absolute(&run.arguments, OPTION_SUPPRESSIONS);
	run.session = session_new();
	run.session->started = session_time(now());
	run.session->command_line = join(run.session, run.arguments.rest);
	result = outputs_begin(&run.outputs, run.session, &run.arguments, NULL);
	if (result == 0)
		result = watch(&run);
	session_free(run.session);
	return result;
}
