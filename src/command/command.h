/*
 * The subcommands: each is one function in a file of its own.
 *
 * Called by: main, tests. A command's result is the exit status; bad input is
 * one sentence on standard error and EXIT_BAD_INPUT.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#define TCPSHADOW_VERSION "0.1.0"

enum { EXIT_BAD_INPUT = 2 };

/* argv[0] is "tcpshadow NAME". */
#define COMMAND(name, arguments, summary) int cmd_##name(int argc, char **argv);
#include "command/commands.def"
#undef COMMAND

#endif
