/* tcpshadow report: a stored run, rendered again. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command/arguments.h"
#include "command/command.h"
#include "command/outputs.h"
#include "command/read_trace.h"
#include "command/say.h"
#include "command/session.h"
#include "command/suppressions.h"

static FILE *open_trace(const char *path)
{
	FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

	if (!stream)
		say("%s: %s", path, strerror(errno));
	return stream;
}

/* The rest of the trace, and what is made of it. */
static int render(struct trace *trace, FILE *stream, struct session *session,
		  const struct arguments *arguments)
{
	int exitcode = (int)arguments_number(arguments, OPTION_ERROR_EXITCODE);
	struct outputs outputs;
	bool written;
	bool mistaken;
	int result = outputs_begin(&outputs, session, arguments, stream);

	if (result != 0)
		return result;
	outputs_start(&outputs);
	read_trace_rest(trace);
	written = outputs_end(&outputs);
	mistaken = suppressions_recall_mistakes();
	if (!written)
		return EXIT_BAD_INPUT;
	if (outputs_failed(&outputs) && exitcode != 0)
		return exitcode;
	return mistaken ? EXIT_BAD_INPUT : 0;
}

static int report(const char *path, const struct arguments *arguments)
{
	FILE *stream = open_trace(path);
	struct session *session;
	struct trace *trace;
	int result = EXIT_BAD_INPUT;

	if (!stream)
		return EXIT_BAD_INPUT;
	session = session_new();
	trace = read_trace_begin(session, stream, path);
	if (trace) {
		result = render(trace, stream, session, arguments);
		read_trace_end(trace);
	}
	session_free(session);
	if (stream != stdin)
		fclose(stream);
	return result;
}

int cmd_report(int argc, char **argv)
{
	struct arguments arguments;
	const char *suppressions;
	int result = arguments_parse(&arguments, ARGUMENTS_REPORT, argc, argv);

	if (result != 0)
		return result;
	if (arguments.rest_count != 1)
		return say_bad_input("report: one trace is wanted; see "
				     "`tcpshadow report --help`");
	suppressions = arguments_file(&arguments, OPTION_SUPPRESSIONS);
	if (suppressions && !suppressions_load(suppressions))
		return EXIT_BAD_INPUT;
	/* A limit of file sizes is told like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	return report(arguments.rest[0], &arguments);
}
