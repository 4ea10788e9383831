#include "command/render_trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "command/command.h"
#include "command/say.h"
#include "command/trace_left.h"
#include "command/trace_line.h"
#include "command/trace_words.h"
#include "model/errno_name.h"

enum { LINE_SIZE = 65536 };

/* The keys of a transition, in their order. */
enum transition_key {
	T_TIME,
	T_PROCESS,
	T_PID,
	T_SOCKET,
	T_COOKIE,
	T_FD,
	T_ROLE,
	T_LOCAL,
	T_PEER,
	T_FROM,
	T_TO,
	T_CAUSE,
	T_SECTION,
	T_EVIDENCE,
	T_LIKELY,
	T_CALL,
	T_RESULT,
	T_ERRNO,
	T_ERROR,
	T_UNREAD,
	T_STACK,
	T_COUNT = RENDER_TRACE_VALUES
};

static const struct {
	const char *key;
	char type; /* i: number, s: text, b: truth */
} transition_keys[T_COUNT] = {
	[T_TIME] = { "time", 'i' },       [T_PROCESS] = { "process", 'i' },
	[T_PID] = { "pid", 'i' },         [T_SOCKET] = { "socket", 'i' },
	[T_COOKIE] = { "cookie", 'i' },   [T_FD] = { "fd", 'i' },
	[T_ROLE] = { "role", 's' },       [T_LOCAL] = { "local", 's' },
	[T_PEER] = { "peer", 's' },       [T_FROM] = { "from", 's' },
	[T_TO] = { "to", 's' },           [T_CAUSE] = { "cause", 's' },
	[T_SECTION] = { "section", 's' }, [T_EVIDENCE] = { "evidence", 's' },
	[T_LIKELY] = { "likely", 'b' },   [T_CALL] = { "call", 's' },
	[T_RESULT] = { "result", 'i' },   [T_ERRNO] = { "errno", 'i' },
	[T_ERROR] = { "error", 's' },     [T_UNREAD] = { "unread", 'i' },
	[T_STACK] = { "stack", 'i' },
};

static void write_object(struct render_trace *render, const json_t *object)
{
	size_t size = json_dumpb(object, render->line, render->size - 1,
				 JSON_COMPACT);

	if (size > render->size - 1) {
		render->size = size + 1;
		free(render->line);
		render->line = need_memory(malloc(render->size));
		size = json_dumpb(object, render->line, size, JSON_COMPACT);
	}
	render->line[size] = '\n';
	fwrite_unlocked(render->line, 1, size + 1, render->stream);
}

static void write_line(struct render_trace *render, json_t *object)
{
	write_object(render, object);
	json_decref(object);
}

static uint32_t number_of(const struct stack *stack)
{
	return stack ? stack->number : 0;
}

static json_t *rule_line(const char *event, const struct process *process,
			 enum rule rule)
{
	json_t *line = line_new(event);

	line_set_process(line, process);
	line_set_text(line, "rule", rule_slug(rule));
	return line;
}

static void write_run(struct render_trace *render)
{
	json_t *line = line_new("run");

	line_set_number(line, "format", TRACE_FORMAT);
	line_set_text(line, "version", TCPSHADOW_VERSION);
	line_set_text(line, "command", render->session->command_line);
	line_set_time(line, "time", render->session->started);
	write_line(render, line);
}

static void on_started(struct watch *watch, const struct process *process)
{
	json_t *line = line_new("process");

	line_set_time(line, "time", process->started);
	line_set_process(line, process);
	line_set_number(line, "parent_pid", (uint64_t)process->parent_pid);
	line_set_number(line, "parent",
			process->parent ? process->parent->number : 0);
	line_set_truth(line, "forked", process->forked);
	line_set_text(line, "program", process->program);
	line_set_text(line, "command", process->command);
	line_set_text(line, "arguments", process->arguments);
	line_set_number(line, "network", process->network);
	write_line((struct render_trace *)watch, line);
}

/* As wait(2) gives it. */
static json_t *status_object(int status)
{
	json_t *object = need_memory(json_object());

	if (!WIFSIGNALED(status)) {
		line_set_number(object, "exit", (uint64_t)WEXITSTATUS(status));
		return object;
	}
	line_set_number(object, "signal", (uint64_t)WTERMSIG(status));
	line_set_truth(object, "core", WCOREDUMP(status));
	return object;
}

static void on_ended(struct watch *watch, const struct process *process)
{
	json_t *line = line_new("end");

	line_set_time(line, "time", process->ended);
	line_set_process(line, process);
	line_set_truth(line, "finished", process->finished);
	line_set(line, "status",
		 process->status_known ? status_object(process->status)
				       : json_null());
	write_line((struct render_trace *)watch, line);
}

static void set_symbol(json_t *object, const struct symbol *symbol)
{
	if (symbol->function)
		line_set_text(object, "function", symbol->function);
	if (symbol->file) {
		line_set_text(object, "file", symbol->file);
		line_set_number(object, "line", symbol->line);
	}
}

static json_t *frame_object(struct symbols *symbols, struct place *place)
{
	const struct symbol *symbol = symbols_resolve(symbols, place);
	json_t *frame = need_memory(json_object());
	json_t *chain;

	if (place->module)
		line_set_text(frame, "module", place->module);
	line_set_number(frame, "offset", place->offset);
	if (!symbol)
		return frame;
	set_symbol(frame, symbol);
	if (!symbol->outer)
		return frame;
	chain = need_memory(json_array());
	while ((symbol = symbol->outer) != NULL) {
		json_t *outer = need_memory(json_object());

		set_symbol(outer, symbol);
		json_array_append_new(chain, outer);
	}
	line_set(frame, "inlined_into", chain);
	return frame;
}

static void on_stack(struct watch *watch, const struct process *process,
		     const struct stack *stack)
{
	struct render_trace *render = (struct render_trace *)watch;
	json_t *line = line_new("stack");
	json_t *frames = need_memory(json_array());

	line_set_process(line, process);
	line_set_number(line, "stack", stack->number);
	for (unsigned int i = 0; i < stack->count; i++)
		json_array_append_new(frames,
				      frame_object(render->session->symbols,
						   stack->places[i]));
	line_set(line, "frames", frames);
	write_line(render, line);
}

static void make_transition(struct render_trace *render)
{
	render->transition = line_new("transition");
	for (int i = 0; i < T_COUNT; i++) {
		char type = transition_keys[i].type;

		/* A truth is an object of its own for each value. */
		render->values[i] = type == 'i'   ? json_integer(0)
				    : type == 's' ? json_string("")
						  : json_false();
		line_set(render->transition, transition_keys[i].key,
			 render->values[i]);
	}
}

static void put_number(struct render_trace *render, enum transition_key key,
		       uint64_t number)
{
	json_integer_set(render->values[key], (json_int_t)number);
}

/* Most are what they were in the last line. */
static void put_text(struct render_trace *render, enum transition_key key,
		     const char *text)
{
	if (strcmp(json_string_value(render->values[key]), text) == 0)
		return;
	if (json_string_set_nocheck(render->values[key], text) != 0)
		need_memory(NULL);
}

static void put_step(struct render_trace *render, const struct step *step)
{
	const char *error = step->result < 0 ? errno_name(step->error) : NULL;

	put_number(render, T_TIME, step->time / 1000);
	put_number(render, T_PROCESS, step->process->number);
	put_number(render, T_PID, (uint64_t)step->process->pid);
	put_number(render, T_FD, (uint64_t)step->fd);
	put_text(render, T_FROM, state_name(step->edge->from));
	put_text(render, T_TO, state_name(step->edge->to));
	put_text(render, T_CAUSE, trace_event(step->edge->event));
	put_text(render, T_SECTION, step->edge->section);
	put_text(render, T_EVIDENCE,
		 trace_evidence((enum evidence)step->evidence));
	line_set_truth(render->transition, "likely", step->likely);
	put_text(render, T_CALL, call_name((enum call)step->call));
	put_number(render, T_RESULT, (uint64_t)step->result);
	put_number(render, T_ERRNO, (uint64_t)step->error);
	put_text(render, T_ERROR, error ? error : "");
	put_number(render, T_UNREAD, (uint64_t)step->unread);
	put_number(render, T_STACK, number_of(step->stack));
}

static void on_transition(struct watch *watch, const struct tcp_socket *socket,
			  const struct step *step)
{
	struct render_trace *render = (struct render_trace *)watch;
	char space[LINE_ADDRESS_SIZE];

	put_step(render, step);
	put_number(render, T_SOCKET, socket->number);
	put_number(render, T_COOKIE, socket->cookie);
	put_text(render, T_ROLE, trace_role(socket->role));
	put_text(render, T_LOCAL, line_address(&socket->local, space));
	put_text(render, T_PEER, line_address(&socket->peer, space));
	write_object(render, render->transition);
}

static void on_released(struct watch *watch, const struct tcp_socket *socket,
			const struct process *by)
{
	write_line((struct render_trace *)watch,
		   line_about_socket("released", by, socket));
}

static void on_inherited(struct watch *watch, const struct process *process,
			 uint64_t cookie, int fd)
{
	json_t *line = line_new("inherited");

	line_set_process(line, process);
	line_set_number(line, "fd", fd);
	line_set_number(line, "cookie", cookie);
	write_line((struct render_trace *)watch, line);
}

static void on_counters(struct watch *watch, const struct tcp_socket *socket)
{
	const struct counters *counters = &socket->counters;
	json_t *line = line_about_socket("counters", socket->owner, socket);

	line_set_number(line, "sent", counters->sent);
	line_set_number(line, "received", counters->received);
	line_set_number(line, "retransmits", counters->retransmits);
	write_line((struct render_trace *)watch, line);
}

static json_t *detail_value(const struct detail *detail)
{
	json_t *object;

	if (detail->text)
		return json_string_nocheck(detail->text);
	object = need_memory(json_object());
	line_set_number(object, "stack", number_of(detail->stack));
	line_set_text(object, "indent", detail->indent);
	return object;
}

/* Where there are several of a stack, which of them. */
static void set_about(json_t *line, const struct found *found)
{
	if (found->about)
		line_set_number(line, "about", found->about);
}

static void on_finding(struct watch *watch, const struct found *found)
{
	const struct subject *subject = &found->subject;
	json_t *line = rule_line("finding", found->process, found->rule);
	json_t *details = need_memory(json_array());
	char space[LINE_ADDRESS_SIZE];

	line_set_time(line, "time", found->time);
	line_set_text(line, "severity",
		      severity_name(rule_severity(found->rule)));
	line_set_text(line, "message", found->message);
	line_set_number(line, "socket",
			found->socket ? found->socket->number : 0);
	line_set_number(line, "cookie", subject->cookie);
	line_set_number(line, "fd", (uint64_t)subject->fd);
	line_set_text(line, "role", trace_role(subject->role));
	line_set_text(line, "local", line_address(&subject->local, space));
	line_set_text(line, "peer", line_address(&subject->peer, space));
	line_set_number(line, "stack", number_of(found->stack));
	for (unsigned int i = 0; i < found->detail_count; i++)
		json_array_append_new(
			details, need_memory(detail_value(&found->details[i])));
	line_set(line, "details", details);
	line_set_text(line, "help", found->help);
	line_set_truth(line, "suppressed", found->suppressed);
	line_set_truth(line, "last", found->last);
	set_about(line, found);
	write_line((struct render_trace *)watch, line);
}

static void on_repeated(struct watch *watch, const struct found *found,
			unsigned int count)
{
	json_t *line = rule_line("repeat", found->process, found->rule);

	line_set_number(line, "stack", number_of(found->stack));
	set_about(line, found);
	line_set_number(line, "count", count);
	write_line((struct render_trace *)watch, line);
}

static void on_untold(struct watch *watch, const struct process *process,
		      enum rule rule, unsigned int count)
{
	json_t *line = rule_line("untold", process, rule);

	line_set_number(line, "count", count);
	write_line((struct render_trace *)watch, line);
}

static void on_message(struct watch *watch, const struct process *process,
		       const char *text)
{
	json_t *line = line_new("message");

	line_set_process(line, process);
	line_set_text(line, "text", text);
	write_line((struct render_trace *)watch, line);
}

static void on_named(struct watch *watch, const struct process *process, int fd,
		     uint64_t cookie, const char *name)
{
	json_t *line = line_new("name");

	line_set_process(line, process);
	line_set_number(line, "cookie", cookie);
	line_set_number(line, "fd", (uint64_t)fd);
	line_set_text(line, "name", name);
	write_line((struct render_trace *)watch, line);
}

static void on_marked(struct watch *watch, const struct process *process,
		      uint64_t time, const char *label)
{
	json_t *line = line_new("mark");

	line_set_time(line, "time", time);
	line_set_process(line, process);
	line_set_text(line, "label", label);
	write_line((struct render_trace *)watch, line);
}

static void on_caught_up(struct watch *watch)
{
	fflush(((struct render_trace *)watch)->stream);
}

static void write_summary(struct render_trace *render)
{
	const struct session *session = render->session;
	json_t *line = line_new("summary");

	line_set_time(line, "time", session->ended);
	line_set(line, "status", status_object(session->status));
	line_set_number(line, "processes", session->process_count);
	line_set_number(line, "sockets", session->socket_count);
	line_set_number(line, "folded", session->folded);
	line_set_number(line, "errors", session->counts[SEVERITY_ERROR]);
	line_set_number(line, "warnings", session->counts[SEVERITY_WARNING]);
	line_set_number(line, "notes", session->counts[SEVERITY_NOTE]);
	line_set_number(line, "suppressed", session->suppressed);
	line_set_number(line, "lost", session->lost);
	line_set_number(line, "holes", session->holes);
	write_line(render, line);
}

static void on_over(struct watch *watch)
{
	struct render_trace *render = (struct render_trace *)watch;

	for (const struct tcp_socket *socket = render->session->sockets; socket;
	     socket = socket->next) {
		if (socket->left)
			write_line(render, trace_left(socket));
	}
	write_summary(render);
}

void render_trace_begin(struct render_trace *render, struct session *session,
			FILE *stream)
{
	*render = (struct render_trace){
		.watch = { .started = on_started,
			   .ended = on_ended,
			   .stack = on_stack,
			   .transition = on_transition,
			   .released = on_released,
			   .inherited = on_inherited,
			   .counters = on_counters,
			   .finding = on_finding,
			   .repeated = on_repeated,
			   .untold = on_untold,
			   .message = on_message,
			   .named = on_named,
			   .marked = on_marked,
			   .caught_up = on_caught_up,
			   .over = on_over },
		.session = session,
		.stream = stream,
		.line = need_memory(malloc(LINE_SIZE)),
		.size = LINE_SIZE,
	};
	make_transition(render);
	write_run(render);
	fflush(stream);
	session_watch(session, &render->watch);
}

void render_trace_end(struct render_trace *render)
{
	json_decref(render->transition);
	free(render->line);
}
