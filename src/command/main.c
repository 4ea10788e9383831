/* tcpshadow: finds the subcommand. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "command/say.h"

static const struct {
	const char *name;
	const char *title; /* what argp shows as the program's name */
	const char *arguments;
	const char *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(n, a, s)            \
	{ .name = #n,               \
	  .title = "tcpshadow " #n, \
	  .arguments = a,           \
	  .summary = s,             \
	  .run = cmd_##n },
#include "command/commands.def"
#undef COMMAND
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *stream)
{
	fputs("tcpshadow " TCPSHADOW_VERSION
	      ": watches the TCP sockets of programs\n\n",
	      stream);
	for (int i = 0; i < COMMAND_COUNT; i++)
		fprintf(stream, "  %s %s\n      %s\n", commands[i].title,
			commands[i].arguments, commands[i].summary);
	fputs("\n`tcpshadow COMMAND --help` lists a command's options.\n",
	      stream);
}

/* 0 once it has gone out. */
static int printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return say_bad_input("the answer could not be written: %s",
			     strerror(errno));
}

static bool is_one_of(const char *word, const char *name, const char *option)
{
	return strcmp(word, name) == 0 || strcmp(word, option) == 0;
}

/*
 * Those of the descriptors 0 to 2 that are closed: the next file that is opened
 * would become standard error, and the text would go into it. The program that
 * is run finds them closed again.
 */
static void fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		/* A sandbox may have no devices. */
		if (fd < 0)
			fd = open("/", O_RDONLY | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	fill_standard_descriptors();
	if (argc < 2) {
		print_help(stderr);
		return EXIT_BAD_INPUT;
	}
	if (is_one_of(argv[1], "help", "--help") ||
	    strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return printed();
	}
	if (is_one_of(argv[1], "version", "--version")) {
		puts("tcpshadow " TCPSHADOW_VERSION);
		return printed();
	}
	for (int i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		argv[1] = (char *)commands[i].title;
		return commands[i].run(argc - 1, argv + 1);
	}
	return say_bad_input("`%s` is no command of tcpshadow; see "
			     "`tcpshadow --help`",
			     argv[1]);
}
