#include "support/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/wait.h"

static const char *build_folder(void)
{
	const char *folder = getenv("TCPSHADOW_BUILD");

	return folder ? folder : "build";
}

static const char *in_build(const char *folder, const char *name)
{
	static char paths[8][512];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s%s", build_folder(), folder,
		 name);
	return path;
}

const char *run_program(const char *name)
{
	return in_build("tests/programs/", name);
}

const char *run_example(const char *name)
{
	return in_build("examples/", name);
}

const char *run_library(void)
{
	return in_build("", "libtcpshadow.so");
}

const char *run_command(void)
{
	return in_build("", "tcpshadow");
}

static int open_in(const struct run *run, const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", run->folder, name);
	return open(path, flags | O_CLOEXEC, 0666);
}

static void set_environment(const struct run *run, bool shadowed,
			    const char *const *environment)
{
	char log[128];

	/* Tests choose; what the caller's shell has set does not count. */
	unsetenv("TCPSHADOW_REUSEADDR");
	unsetenv("LD_PRELOAD");
	if (shadowed) {
		snprintf(log, sizeof(log), "%s/log.%%p", run->folder);
		setenv("LD_PRELOAD", run_library(), 1);
		setenv("TCPSHADOW_LOG", log, 1);
	}
	for (; environment && *environment; environment++)
		putenv((char *)*environment);
}

static void child(const struct run *run, bool shadowed, int input,
		  const char *const *environment, const char *const *argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	dup2(input, 0);
	dup2(open_in(run, "out", O_WRONLY | O_CREAT | O_APPEND), 1);
	dup2(open_in(run, "err", O_WRONLY | O_CREAT | O_APPEND), 2);
	set_environment(run, shadowed, environment);
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

void run_start(struct run *run, bool shadowed, const char *const *environment,
	       const char *const *argv)
{
	int pipes[2];

	*run = (struct run){ .input = -1 };
	strcpy(run->folder, "/tmp/tcpshadow-test-XXXXXX");
	if (!mkdtemp(run->folder) || chmod(run->folder, 01777) < 0 ||
	    pipe2(pipes, O_CLOEXEC) < 0) {
		perror("run_start");
		abort();
	}
	fflush(NULL);
	run->pid = fork();
	if (run->pid == 0)
		child(run, shadowed, pipes[0], environment, argv);
	setpgid(run->pid, run->pid);
	close(pipes[0]);
	run->input = pipes[1];
}

int run_all(struct run *run, bool shadowed, const char *const *environment,
	    const char *const *argv)
{
	run_start(run, shadowed, environment, argv);
	run_close_input(run);
	return run_wait(run);
}

void run_write(struct run *run, const char *text)
{
	signal(SIGPIPE, SIG_IGN);
	if (write(run->input, text, strlen(text)) < 0)
		perror("run_write");
}

void run_close_input(struct run *run)
{
	if (run->input >= 0)
		close(run->input);
	run->input = -1;
}

struct ending {
	pid_t pid;
	int status;
};

static bool has_ended(void *argument)
{
	struct ending *ending = argument;

	return waitpid(ending->pid, &ending->status, WNOHANG) == ending->pid;
}

/* Torture at length takes that much longer. */
static int time_limit(void)
{
	const char *factor = getenv("TORTURE_FACTOR");

	return RUN_TIMEOUT * (factor ? atoi(factor) : 1);
}

int run_wait(struct run *run)
{
	struct ending ending = { .pid = run->pid };

	if (run->pid == 0)
		return run->status;
	if (!wait_for(has_ended, &ending, time_limit())) {
		fprintf(stderr, "run_wait: killed after %d ms\n", time_limit());
		kill(-run->pid, SIGKILL);
		waitpid(run->pid, &ending.status, 0);
	}
	run->status = WIFSIGNALED(ending.status) ? 128 + WTERMSIG(ending.status)
						 : WEXITSTATUS(ending.status);
	run->pid = 0;
	return run->status;
}

static void append_file(struct run *run, const char *name)
{
	size_t used = strlen(run->text);
	int fd = open_in(run, name, O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return;
	do {
		run->text = realloc(run->text, used + 65537);
		got = read(fd, run->text + used, 65536);
		used += got > 0 ? (size_t)got : 0;
		run->text[used] = '\0';
	} while (got > 0);
	close(fd);
}

static void start_text(struct run *run)
{
	free(run->text);
	run->text = calloc(1, 1);
}

const char *run_output(struct run *run)
{
	start_text(run);
	append_file(run, "out");
	return run->text;
}

const char *run_errors(struct run *run)
{
	start_text(run);
	append_file(run, "err");
	return run->text;
}

static int is_log(const struct dirent *entry)
{
	return strncmp(entry->d_name, "log.", 4) == 0;
}

const char *run_log(struct run *run)
{
	struct dirent **entries;
	int count = scandir(run->folder, &entries, is_log, versionsort);

	start_text(run);
	for (int i = 0; i < count; i++) {
		append_file(run, entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return run->text;
}

struct wanted {
	struct run *run;
	const char *(*source)(struct run *);
	const char *text;
};

static bool is_there(void *argument)
{
	struct wanted *wanted = argument;

	return strstr(wanted->source(wanted->run), wanted->text) != NULL;
}

static bool wait_text(struct run *run, const char *(*source)(struct run *),
		      const char *text)
{
	struct wanted wanted = { .run = run, .source = source, .text = text };

	if (wait_for(is_there, &wanted, RUN_TIMEOUT))
		return true;
	fprintf(stderr, "waited in vain for \"%s\" in:\n%s", text, source(run));
	return false;
}

bool run_wait_output(struct run *run, const char *text)
{
	return wait_text(run, run_output, text);
}

bool run_wait_errors(struct run *run, const char *text)
{
	return wait_text(run, run_errors, text);
}

bool run_wait_log(struct run *run, const char *text)
{
	return wait_text(run, run_log, text);
}

void run_end(struct run *run)
{
	struct dirent **entries;
	int count;

	run_close_input(run);
	if (run->pid > 0) {
		kill(-run->pid, SIGKILL);
		waitpid(run->pid, NULL, 0);
	}
	count = scandir(run->folder, &entries, NULL, NULL);
	for (int i = 0; i < count; i++) {
		char path[400];

		snprintf(path, sizeof(path), "%s/%s", run->folder,
			 entries[i]->d_name);
		unlink(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	rmdir(run->folder);
	free(run->text);
	*run = (struct run){ .input = -1 };
}
