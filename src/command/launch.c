#include "command/launch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/say.h"

extern char **environ;

static char *format_text(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static char *format_text(const char *format, ...)
{
	char *text = NULL;
	va_list list;

	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	return need_memory(text);
}

char *launch_library(void)
{
	static const char *const folders[] = {
		"",
		"../lib/",
		"../lib/tcpshadow/",
#ifdef MULTIARCH
		"../lib/" MULTIARCH "/",
		"../lib/" MULTIARCH "/tcpshadow/",
#endif
	};
	char command[4096];
	ssize_t length =
		readlink("/proc/self/exe", command, sizeof(command) - 1);
	char *slash;

	if (length <= 0)
		return NULL;
	command[length] = '\0';
	slash = strrchr(command, '/');
	if (!slash)
		return NULL;
	slash[1] = '\0';
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *path =
			format_text("%s%slibtcpshadow.so", command, folders[i]);
		char *real = access(path, R_OK) == 0 ? realpath(path, NULL)
						     : NULL;

		free(path);
		if (real)
			return real;
	}
	return NULL;
}

/* Replaces or adds the variable; ours come last. */
static void set_variable(char **environment, int *count, char *assignment)
{
	size_t length = strcspn(assignment, "=") + 1;

	for (int i = 0; i < *count; i++) {
		if (strncmp(environment[i], assignment, length) == 0) {
			environment[i] = assignment;
			return;
		}
	}
	environment[(*count)++] = assignment;
}

/* An own value in front of what the variable holds already, or behind it. */
static char *with_value(const char *name, const char *value, bool in_front)
{
	const char *old = getenv(name);

	if (!old || !*old)
		return format_text("%s=%s", name, value);
	return in_front ? format_text("%s=%s:%s", name, value, old)
			: format_text("%s=%s:%s", name, old, value);
}

char **launch_environment(const char *library, const char *ring,
			  const struct arguments *arguments)
{
	enum { OURS_MAX = OPTION_COUNT + 8 };
	char **environment;
	int count = 0;

	while (environ[count])
		count++;
	environment = need_memory(
		calloc((size_t)count + OURS_MAX, sizeof(*environment)));
	memcpy(environment, environ, (size_t)count * sizeof(*environment));
	set_variable(environment, &count,
		     with_value("LD_PRELOAD", library, true));
	/* gcc's AddressSanitizer insists on being first, and need not be. */
	set_variable(environment, &count,
		     with_value("ASAN_OPTIONS", "verify_asan_link_order=0",
				false));
	set_variable(environment, &count,
		     format_text("%s=%s", option_row(OPTION_RING)->environment,
				 ring));
	/* The text is the command's affair, even where the ring is not seen. */
	set_variable(environment, &count,
		     format_text("%s=off",
				 option_row(OPTION_LOG)->environment));
	if (arguments_file(arguments, OPTION_HTML) ||
	    arguments_file(arguments, OPTION_PERFETTO) ||
	    arguments_file(arguments, OPTION_PROMETHEUS) ||
	    arguments_file(arguments, OPTION_TRACE))
		set_variable(
			environment, &count,
			format_text("%s=on",
				    option_row(OPTION_COUNTERS)->environment));
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		if (row->scope == SCOPE_BOTH && arguments->given[i])
			set_variable(environment, &count,
				     format_text("%s=%s", row->environment,
						 arguments->values[i]));
	}
	return environment;
}
