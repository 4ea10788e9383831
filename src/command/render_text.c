#include "command/render_text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/say.h"
#include "command/suppressions.h"
#include "model/text.h"

enum { LINE_SIZE = 1024, FINDING_SIZE = 65536 };

/* Below this directory paths are shown as a person there would write them. */
static const char *short_path(const char *path, const char *directory)
{
	size_t length = directory ? strlen(directory) : 0;

	if (length > 1 && strncmp(path, directory, length) == 0 &&
	    path[length] == '/')
		return path + length + 1;
	return path;
}

static void print_frame(FILE *stream, const struct place *place,
			const struct symbol *symbol, const char *directory)
{
	const char *module = place->module ? text_base_name(place->module)
					   : NULL;

	if (symbol && symbol->file) {
		fprintf(stream, "%s (%s:%u)",
			symbol->function ? symbol->function : "??",
			short_path(symbol->file, directory), symbol->line);
		return;
	}
	if (module)
		fprintf(stream, "%s+0x%llx", module,
			(unsigned long long)place->offset);
	else
		fprintf(stream, "0x%llx", (unsigned long long)place->offset);
	if (symbol && symbol->function)
		fprintf(stream, " (%s)", symbol->function);
}

static bool is_main(const struct symbol *symbol)
{
	return symbol && symbol->function &&
	       strcmp(symbol->function, "main") == 0;
}

void render_text_stack(FILE *stream, struct symbols *symbols,
		       const struct stack *stack, const char *indent,
		       const char *directory)
{
	unsigned int number = 0;

	for (unsigned int i = 0; stack && i < stack->count; i++) {
		struct place *place = stack->places[i];
		const struct symbol *symbol = symbols_resolve(symbols, place);

		do {
			fprintf(stream, "%s#%u ", indent, number++);
			print_frame(stream, place, symbol, directory);
			fputc('\n', stream);
			/* What called main is nobody's concern. */
			if (is_main(symbol))
				return;
			symbol = symbol ? symbol->outer : NULL;
		} while (symbol);
	}
}

static void on_transition(struct watch *watch, const struct tcp_socket *socket,
			  const struct step *step)
{
	struct render_text *render = (struct render_text *)watch;
	struct transition transition = session_transition(socket, step);
	char line[LINE_SIZE];
	struct text text;

	if (!render->verbose)
		return;
	text_begin(&text, line, sizeof(line));
	event_add_transition(&text, &transition);
	fputs(line, render->stream);
}

/* The process and descriptor at the other end, where that is of this run. */
static void print_other_end(FILE *stream, const struct found *found)
{
	const struct tcp_socket *other =
		found->socket ? found->socket->other_end : NULL;

	if (!other || other->owner == found->process)
		return;
	fprintf(stream, "the other end: pid %d (%s) fd %d, %s\n",
		other->owner->pid, process_last_image(other->owner)->command,
		other->fd, state_name(other->state));
}

static char *format_details(struct symbols *symbols, const struct found *found,
			    const char *directory)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));

	for (unsigned int i = 0; i < found->detail_count; i++) {
		const struct detail *detail = &found->details[i];

		if (detail->text)
			fprintf(stream, "%s\n", detail->text);
		else
			render_text_stack(stream, symbols, detail->stack,
					  detail->indent, directory);
	}
	print_other_end(stream, found);
	if (found->last)
		fputs("(further findings of this rule in this process are not "
		      "shown)\n",
		      stream);
	fclose(stream);
	return text;
}

static char *format_stack(struct symbols *symbols, const struct found *found,
			  const char *directory)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));

	render_text_stack(stream, symbols, found->stack, "", directory);
	fclose(stream);
	return text;
}

void render_text_finding(FILE *stream, struct symbols *symbols,
			 const struct found *found, const char *directory,
			 bool color)
{
	char *details = format_details(symbols, found, directory);
	char *stack = format_stack(symbols, found, directory);
	struct finding finding = { .subject = found->subject,
				   .rule = found->rule,
				   .message = found->message,
				   .stack = stack,
				   .details = details,
				   .help = found->help,
				   .color = color };
	char *space = need_memory(malloc(FINDING_SIZE));
	struct text text;

	text_begin(&text, space, FINDING_SIZE);
	event_add_finding(&text, &finding);
	fputs(space, stream);
	free(space);
	free(stack);
	free(details);
}

static void on_finding(struct watch *watch, const struct found *found)
{
	struct render_text *render = (struct render_text *)watch;
	struct symbols *symbols = render->session->symbols;

	if (found->suppressed)
		return;
	render_text_finding(render->stream, symbols, found, render->directory,
			    render->color);
	if (render->gen_suppressions)
		suppressions_print(render->stream, symbols, found);
	fflush(render->stream);
}

static void on_message(struct watch *watch, const struct process *process,
		       const char *text)
{
	struct render_text *render = (struct render_text *)watch;

	fprintf(render->stream, "tcpshadow: %d %s\n",
		process ? process->pid : 0, text);
}

static void on_marked(struct watch *watch, const struct process *process,
		      uint64_t time, const char *label)
{
	struct render_text *render = (struct render_text *)watch;
	char line[LINE_SIZE];
	struct text text;

	if (render->quiet)
		return;
	text_begin(&text, line, sizeof(line));
	event_add_mark(&text, process->pid, time, label);
	fputs(line, render->stream);
}

static bool wants_color(const struct render_text *render,
			const struct arguments *arguments)
{
	int color = option_match(OPTION_COLOR, arguments->values[OPTION_COLOR]);
	const char *no_color = getenv("NO_COLOR");

	if (color != 0)
		return color == 1;
	return isatty(fileno(render->stream)) && !(no_color && *no_color);
}

void render_text_begin(struct render_text *render, struct session *session,
		       const struct arguments *arguments, FILE *stream)
{
	*render = (struct render_text){
		.watch = { .transition = on_transition,
			   .finding = on_finding,
			   .message = on_message,
			   .marked = on_marked },
		.session = session,
		.stream = stream,
		.verbose = arguments_on(arguments, OPTION_VERBOSE),
		.quiet = arguments_on(arguments, OPTION_QUIET),
		.gen_suppressions =
			option_match(
				OPTION_GEN_SUPPRESSIONS,
				arguments->values[OPTION_GEN_SUPPRESSIONS]) ==
			1,
		.directory = getcwd(NULL, 0),
	};
	setvbuf(render->stream, NULL, _IOLBF, 0);
	render->color = wants_color(render, arguments);
	session_watch(session, &render->watch);
}

bool render_text_end(struct render_text *render)
{
	free(render->directory);
	return fflush(render->stream) == 0 && !ferror(render->stream);
}
