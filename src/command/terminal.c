#include "command/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const looks[] = {
	[LOOK_PLAIN] = "",          [LOOK_BOLD] = "\033[1m",
	[LOOK_BAD] = "\033[1;31m",  [LOOK_GOOD] = "\033[1;32m",
	[LOOK_HELP] = "\033[1;36m",
};

bool terminal_has_colour(FILE *out)
{
	const char *refused = getenv("NO_COLOR");
	const char *kind = getenv("TERM");

	if (refused && refused[0] != '\0')
		return false;
	if (!kind || strcmp(kind, "dumb") == 0)
		return false;
	return isatty(fileno(out));
}

struct paper terminal_paper(FILE *out)
{
	return (struct paper){ .out = out,
			       .coloured = terminal_has_colour(out) };
}

unsigned int terminal_columns(FILE *out, unsigned int most)
{
	struct winsize size;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return most;
	return size.ws_col < most ? size.ws_col : most;
}

void terminal_print(const struct paper *paper, enum look look,
		    const char *format, ...)
{
	bool drawn = paper->coloured && look != LOOK_PLAIN;
	va_list list;

	if (drawn)
		fputs(looks[look], paper->out);
	va_start(list, format);
	vfprintf(paper->out, format, list);
	va_end(list);
	if (drawn)
		fputs("\033[0m", paper->out);
}

static int print_plain(const char *text)
{
	if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
		return -1;
	return 0;
}

/* Is there a program of that name in PATH? */
static bool is_installed(const char *name)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		size_t length = strcspn(at, ":");
		char *path = NULL;
		bool found;

		if (asprintf(&path, "%.*s/%s", (int)length, at, name) < 0)
			return false;
		found = access(path, X_OK) == 0;
		free(path);
		if (found)
			return true;
		at += length + (at[length] == ':');
	}
	return false;
}

static const char *choose_pager(void)
{
	const char *pager = getenv("PAGER");

	if (!isatty(STDOUT_FILENO))
		return NULL;
	if (pager)
		return pager[0] == '\0' || strcmp(pager, "cat") == 0 ? NULL
								     : pager;
	return is_installed("less") ? "less" : NULL;
}

static void run_pager(const char *pager, int input)
{
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	dup2(input, STDIN_FILENO);
	/* Quit when it fits, draw the looks, leave the text on the screen. */
	setenv("LESS", "FRX", 0);
	execl("/bin/sh", "sh", "-c", pager, (char *)NULL);
	_exit(127);
}

/* A pager may be left before it has read all: that is no error. */
static void feed(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t done = write(fd, text, left);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return;
		text += done;
		left -= (size_t)done;
	}
}

int terminal_page(const char *text)
{
	const char *pager = choose_pager();
	int pipes[2];
	int status = 0;
	pid_t child;

	if (!pager || pipe2(pipes, O_CLOEXEC) < 0)
		return print_plain(text);
	/* Keys that end the pager's work do not end its parent before it. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	child = fork();
	if (child == 0)
		run_pager(pager, pipes[0]);
	close(pipes[0]);
	if (child > 0)
		feed(pipes[1], text);
	close(pipes[1]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	/* 126 and 127: the shell could not run it. */
	if (child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) >= 126))
		return print_plain(text);
	return 0;
}
