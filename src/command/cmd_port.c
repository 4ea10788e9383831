/* tcpshadow port: who holds a port, until when, and what to do about it. */
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/port.h"
#include "command/say.h"

enum { EXIT_FREE = 0, EXIT_HELD = 1 };

struct arguments {
	const char *port;
	bool json;
	bool several;
};

static const struct argp_option options[] = {
	{ .name = "json",
	  .key = 'j',
	  .doc = "Print JSON, as docs/port.schema.json describes it" },
	{ 0 },
};

static const char doc[] =
	"Tells who holds a TCP port: the sockets and their states, the "
	"processes and descriptors, when those end that end by themselves, "
	"what a bind() would answer now, and what to do.\n\n"
	"A port alone is asked about as by a server that takes all addresses: "
	"[::] with IPv4, and 0.0.0.0."
	"\v"
	"Exit status: 0 the port is free, 1 it is held, 2 bad input.\n\n"
	"bind() is really tried, on a socket that is closed at once: if it "
	"succeeds, the port is taken for some microseconds. Only root sees "
	"the processes of other users. What is seen is this network "
	"namespace.\n";

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'j':
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		arguments->several = state->arg_num > 0;
		arguments->port = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.args_doc = "PORT\nADDRESS:PORT\n[ADDRESS]:PORT",
	.doc = doc,
};

static int print(const struct port_answer *answer, bool json)
{
	struct paper paper = terminal_paper(stdout);
	int result = 0;

	if (json)
		result = port_print_json(answer, stdout);
	else
		port_print_text(answer, &paper);
	return fflush(stdout) != 0 || ferror(stdout) ? -1 : result;
}

/* bind() said what no port can be blamed for. */
static bool is_elsewhere(const struct port_answer *answer)
{
	return !answer->request.any &&
	       (answer->binds[0].plain == -EADDRNOTAVAIL ||
		answer->binds[0].plain == -EAFNOSUPPORT ||
		answer->binds[0].plain == -EINVAL);
}

static int find_and_print(const char *port, bool json)
{
	struct port_request request;
	struct port_answer answer;
	char *wrong = port_parse(port, &request);
	int status;

	if (wrong) {
		status = say_bad_input("%s", wrong);
		free(wrong);
		return status;
	}
	port_find(&request, &answer);
	status = port_is_held(&answer) ? EXIT_HELD : EXIT_FREE;
	if (is_elsewhere(&answer))
		status = say_bad_input("%s cannot be bound to: it is no "
				       "address of this machine",
				       port);
	else if (print(&answer, json) < 0)
		status = say_bad_input("the answer could not be written: %s",
				       strerror(errno));
	port_free(&answer);
	return status;
}

int cmd_port(int argc, char **argv)
{
	struct arguments arguments = { .json = false };

	argp_err_exit_status = EXIT_BAD_INPUT;
	argp_parse(&parser, argc, argv, 0, NULL, &arguments);
	if (arguments.several)
		return say_bad_input("one port at a time, please");
	if (!arguments.port)
		return say_bad_input("which port? see `tcpshadow port --help`");
	return find_and_print(arguments.port, arguments.json);
}
