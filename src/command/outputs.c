#include "command/outputs.h"

#include <errno.h>
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

static bool open_file(struct outputs *outputs, enum option_id option,
		      bool replaced)
{
	const char *path = arguments_file(outputs->arguments, option);

	if (!path)
		return true;
	outputs->files[option] =
		replaced ? atomic_file_open(&outputs->replaced[option], path)
			 : fopen(path, "we");
	if (outputs->files[option])
		return true;
	say("--%s: %s: %s", option_row(option)->name, path, strerror(errno));
	return false;
}

/* The program is not going to be started. */
static int drop_files(struct outputs *outputs)
{
	for (int i = 0; i < RENDERER_COUNT; i++) {
		enum option_id option = renderers[i].option;

		if (outputs->files[option])
			fclose(outputs->files[option]);
		atomic_file_end(&outputs->replaced[option], false);
		outputs->files[option] = NULL;
	}
	return EXIT_BAD_INPUT;
}

int outputs_begin(struct outputs *outputs, struct session *session,
		  const struct arguments *arguments)
{
	*outputs =
		(struct outputs){ .arguments = arguments, .session = session };
	if (!open_file(outputs, OPTION_TRACE, false))
		return EXIT_BAD_INPUT;
	for (int i = 0; i < RENDERER_COUNT; i++) {
		if (renderers[i].render &&
		    !open_file(outputs, renderers[i].option,
			       renderers[i].replaced))
			return drop_files(outputs);
	}
	if (render_text_begin(&outputs->text, session, arguments) != 0)
		return drop_files(outputs);
	if (outputs->files[OPTION_TRACE])
		render_trace_begin(&outputs->trace, session,
				   outputs->files[OPTION_TRACE]);
	return 0;
}

static bool close_file(struct outputs *outputs, enum option_id option,
		       bool has_run, bool good)
{
	FILE *stream = outputs->files[option];

	good = good && !ferror(stream);
	good = fclose(stream) == 0 && good;
	good = atomic_file_end(&outputs->replaced[option], good && has_run) &&
	       good;
	if (!good)
		say("--%s: %s could not be written", option_row(option)->name,
		    arguments_file(outputs->arguments, option));
	return good;
}

/*
 * Nothing has run, nothing was written: an empty file would be taken for a
 * broken report. What is no file of its own (/dev/stdout) stays.
 */
static void remove_file(struct outputs *outputs, enum option_id option)
{
	struct stat status;

	if (fstat(fileno(outputs->files[option]), &status) == 0 &&
	    S_ISREG(status.st_mode) && status.st_size == 0)
		unlink(arguments_file(outputs->arguments, option));
}

bool outputs_end(struct outputs *outputs, bool has_run)
{
	bool good = true;

	if (has_run && !arguments_on(outputs->arguments, OPTION_QUIET))
		render_text_summary(&outputs->text);
	if (!render_text_end(&outputs->text)) {
		say("--log-file: the text could not be written");
		good = false;
	}
	if (outputs->files[OPTION_TRACE]) {
		render_trace_end(&outputs->trace);
		good = close_file(outputs, OPTION_TRACE, has_run, true) && good;
	}
	for (int i = 0; i < RENDERER_COUNT; i++) {
		enum option_id option = renderers[i].option;

		if (!renderers[i].render || !outputs->files[option])
			continue;
		if (!has_run && !renderers[i].replaced)
			remove_file(outputs, option);
		if (!close_file(outputs, option, has_run,
				!has_run || renderers[i].render(
						    outputs->files[option],
						    outputs->session,
						    outputs->arguments)))
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
