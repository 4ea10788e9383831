#include "command/outputs.h"

#include <errno.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/command.h"
#include "command/render_html.h"
#include "command/render_junit.h"
#include "command/render_perfetto.h"
#include "command/render_prometheus.h"
#include "command/render_sarif.h"
#include "command/say.h"

/* Files that are written at the end, from the finished session. */
static const struct {
	enum option_id option;
	bool (*render)(FILE *stream, struct session *session,
		       const struct arguments *arguments);
	bool replaced; /* in one go, at the end */
} renderers[] = {
	{ OPTION_HTML, render_html, false },
	{ OPTION_JUNIT, render_junit, false },
	{ OPTION_PERFETTO, render_perfetto, false },
	{ OPTION_PROMETHEUS, render_prometheus, true },
	{ OPTION_SARIF, render_sarif, false },
};

enum { RENDERER_COUNT = sizeof(renderers) / sizeof(renderers[0]) };

/* The file name with %p replaced. */
static char *expand(const char *pattern)
{
	char *name = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&name, &size));

	for (; *pattern; pattern++) {
		if (pattern[0] == '%' && pattern[1] == 'p') {
			fprintf(stream, "%d", (int)getpid());
			pattern++;
			continue;
		}
		fputc(*pattern, stream);
	}
	fclose(stream);
	return name;
}

/* NULL: it is not wanted. The caller frees it. */
static char *path_of(const struct outputs *outputs, enum option_id option)
{
	const char *value = outputs->arguments->values[option];

	if (option == OPTION_LOG_FILE)
		return strcmp(value, "stderr") == 0 ? NULL : expand(value);
	value = arguments_file(outputs->arguments, option);
	return value ? need_memory(strdup(value)) : NULL;
}

static bool open_file(struct outputs *outputs, enum option_id option,
		      bool replaced)
{
	char *path = path_of(outputs, option);
	bool good = !path ||
		    output_file_open(&outputs->files[option], path, replaced);

	if (!good)
		say("--%s: %s: %s", option_row(option)->name, path,
		    strerror(errno));
	free(path);
	return good;
}

static bool open_all(struct outputs *outputs)
{
	if (!open_file(outputs, OPTION_TRACE, false) ||
	    !open_file(outputs, OPTION_LOG_FILE, false))
		return false;
	for (int i = 0; i < RENDERER_COUNT; i++) {
		if (!open_file(outputs, renderers[i].option,
			       renderers[i].replaced))
			return false;
	}
	return true;
}

/* Where the output will be; a pipe or a device takes any number of them. */
static bool is_file(const struct outputs *outputs, int option,
		    struct stat *status)
{
	const struct output_file *file = &outputs->files[option];

	return file->stream && stat(file->target, status) == 0 &&
	       S_ISREG(status->st_mode);
}

static bool is_same(const struct stat *one, const struct stat *two)
{
	return one->st_dev == two->st_dev && one->st_ino == two->st_ino;
}

/* What the outputs are made from, if the file is that; else NULL. */
static const char *source(const struct outputs *outputs, FILE *input,
			  const struct stat *file)
{
	const char *suppressions =
		arguments_file(outputs->arguments, OPTION_SUPPRESSIONS);
	struct stat status;

	if (input && fstat(fileno(input), &status) == 0 &&
	    is_same(file, &status))
		return "the trace that is read";
	if (suppressions && stat(suppressions, &status) == 0 &&
	    is_same(file, &status))
		return "the file of suppressions";
	return NULL;
}

/* None may destroy another one, or what it is made from. */
static bool are_apart(const struct outputs *outputs, FILE *input)
{
	const char *made_from;
	struct stat one;
	struct stat two;

	for (int i = 0; i < OPTION_COUNT; i++) {
		if (!is_file(outputs, i, &one))
			continue;
		made_from = source(outputs, input, &one);
		if (made_from) {
			say("--%s: %s is %s",
			    option_row((enum option_id)i)->name,
			    outputs->files[i].target, made_from);
			return false;
		}
		for (int j = 0; j < i; j++) {
			if (!is_file(outputs, j, &two) || !is_same(&one, &two))
				continue;
			say("--%s and --%s are the same file, %s",
			    option_row((enum option_id)j)->name,
			    option_row((enum option_id)i)->name,
			    outputs->files[i].target);
			return false;
		}
	}
	return true;
}

static bool close_file(struct outputs *outputs, enum option_id option,
		       bool good)
{
	if (!outputs->files[option].stream ||
	    output_file_end(&outputs->files[option], good))
		return true;
	say("--%s: %s could not be written", option_row(option)->name,
	    outputs->arguments->values[option]);
	return false;
}

/* Nothing has been started, nothing is left. */
static int drop_files(struct outputs *outputs)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		close_file(outputs, (enum option_id)i, true);
	return EXIT_BAD_INPUT;
}

/* Of a full disk libxml2 has words of its own; there is one sentence. */
static void say_nothing(void *context, const char *format, ...)
{
	(void)context;
	(void)format;
}

int outputs_begin(struct outputs *outputs, struct session *session,
		  const struct arguments *arguments, FILE *input)
{
	FILE *log;

	*outputs =
		(struct outputs){ .arguments = arguments, .session = session };
	if (!open_all(outputs) || !are_apart(outputs, input))
		return drop_files(outputs);
	xmlSetGenericErrorFunc(NULL, say_nothing);
	log = outputs->files[OPTION_LOG_FILE].stream;
	render_text_begin(&outputs->text, session, arguments,
			  log ? log : stderr);
	return 0;
}

void outputs_start(struct outputs *outputs)
{
	FILE *trace = outputs->files[OPTION_TRACE].stream;

	outputs->started = true;
	for (int i = 0; i < OPTION_COUNT; i++) {
		struct output_file *file = &outputs->files[i];

		if (!file->stream || output_file_begin(file))
			continue;
		say("--%s: %s: %s", option_row((enum option_id)i)->name,
		    file->target, strerror(errno));
		outputs->failed = true;
	}
	if (trace)
		render_trace_begin(&outputs->trace, outputs->session, trace);
}

static bool write_all(struct outputs *outputs)
{
	bool good = !outputs->failed;

	if (!arguments_on(outputs->arguments, OPTION_QUIET))
		render_text_summary(&outputs->text);
	if (outputs->files[OPTION_TRACE].stream)
		render_trace_end(&outputs->trace);
	for (int i = 0; i < RENDERER_COUNT; i++) {
		enum option_id option = renderers[i].option;
		FILE *stream = outputs->files[option].stream;

		if (stream &&
		    !close_file(outputs, option,
				renderers[i].render(stream, outputs->session,
						    outputs->arguments)))
			good = false;
	}
	return good;
}

bool outputs_end(struct outputs *outputs)
{
	bool good = !outputs->started || write_all(outputs);

	if (!render_text_end(&outputs->text) &&
	    !outputs->files[OPTION_LOG_FILE].stream) {
		say("the text could not be written");
		good = false;
	}
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (!close_file(outputs, (enum option_id)i, true))
			good = false;
	}
	return good;
}

bool outputs_failed(const struct outputs *outputs)
{
	for (const struct found *found = outputs->session->found; found;
	     found = found->next) {
		if (!found->suppressed &&
		    outputs->arguments->counts[found->rule])
			return true;
	}
	return false;
}
