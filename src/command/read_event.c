#include "command/read_event.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "command/read_frame.h"
#include "command/read_left.h"
#include "command/say.h"
#include "command/suppressions.h"
#include "command/trace_fields.h"
#include "command/trace_words.h"
#include "model/text.h"

enum {
	FRAMES_MAX = 64,
	DETAILS_MAX = 512,
	SIGNAL_MAX = 64,
};

/* ---- values that lead into the session ---- */

static struct stack *stack_of(struct trace *trace, struct trace_fields *fields)
{
	uint32_t number =
		(uint32_t)trace_number(fields, "stack", 0, UINT32_MAX);

	if (number == 0)
		return NULL;
	if (number >= trace->stack_room || !trace->stacks[number]) {
		trace_wrong(fields, "stack %u has not been told", number);
		return NULL;
	}
	return trace->stacks[number];
}

static void keep_stack(struct trace *trace, uint32_t number,
		       struct stack *stack)
{
	size_t room = trace->stack_room;

	if (number >= room) {
		while (number >= room)
			room = room ? 2 * room : 64;
		trace->stacks = need_memory(
			realloc(trace->stacks, room * sizeof(*trace->stacks)));
		memset(trace->stacks + trace->stack_room, 0,
		       (room - trace->stack_room) * sizeof(*trace->stacks));
		trace->stack_room = room;
	}
	trace->stacks[number] = stack;
}

static uint64_t time_of(struct trace *trace, struct trace_fields *fields)
{
	uint64_t time = trace_time(fields);

	if (!fields->wrong && time > trace->last)
		trace->last = time;
	return time;
}

static const char *state_word(int value)
{
	return state_name((enum tcp_state)value);
}

static const char *role_word(int value)
{
	return trace_role((enum role)value);
}

static const char *evidence_word(int value)
{
	return trace_evidence((enum evidence)value);
}

static const char *event_word(int value)
{
	return trace_event((enum tcp_event)value);
}

static const char *call_word(int value)
{
	return call_name((enum call)value);
}

static const char *rule_word(int value)
{
	return rule_slug((enum rule)value);
}

static struct subject subject_of(struct trace_fields *fields,
				 const struct process *process)
{
	return (struct subject){
		.pid = process ? process->pid : 0,
		.fd = (int)trace_number(fields, "fd", INT_MIN, INT_MAX),
		.role = (enum role)trace_choice(fields, "role",
						ROLE_PASSIVE + 1, role_word),
		.local = trace_address(fields, "local"),
		.peer = trace_address(fields, "peer"),
		.cookie = trace_bits(fields, "cookie"),
	};
}

/* As wait(2) gives it: { "exit": N } or { "signal": N, "core": B } */
static int status_of(struct trace_fields *fields, json_t *object)
{
	struct trace_fields inner = { .session = fields->session,
				      .object = object };
	int status;

	if (!json_is_object(object)) {
		trace_wrong(fields, "`status` is no object");
		return 0;
	}
	if (json_object_get(object, "signal")) {
		status = (int)trace_number(&inner, "signal", 1, SIGNAL_MAX);
		if (trace_truth(&inner, "core"))
			status |= WCOREFLAG;
	} else {
		status = W_EXITCODE(
			(int)trace_number(&inner, "exit", 0, UINT8_MAX), 0);
	}
	if (inner.wrong)
		trace_wrong(fields, "%s", inner.wrong);
	free(inner.wrong);
	return status;
}

/* ---- one function an event; it changes nothing if something is wrong ---- */

static void read_process(struct trace *trace, struct trace_fields *fields)
{
	struct process process = {
		.number = (uint32_t)trace_number(fields, "process", 1,
						 UINT32_MAX),
		.pid = (int)trace_number(fields, "pid", 1, INT_MAX),
		.parent_pid = (int)trace_number(fields, "parent_pid", INT_MIN,
						INT_MAX),
		.parent = trace_process(fields, "parent", true),
		.forked = trace_truth(fields, "forked"),
		.program = trace_text(fields, "program"),
		.arguments = trace_text(fields, "arguments"),
		.started = time_of(trace, fields),
		.network = trace_bits(fields, "network"),
	};
	const char *command = trace_optional(fields, "command");

	if (session_process(trace->session, process.number))
		trace_wrong(fields, "process %u has begun before",
			    process.number);
	if (fields->wrong)
		return;
	process.command = command ? session_text(trace->session, command)
				  : text_base_name(process.program);
	session_start(trace->session, &process);
}

static void read_end(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", false);
	uint64_t time = time_of(trace, fields);
	bool finished = trace_truth(fields, "finished");
	json_t *object = json_object_get(fields->object, "status");
	bool known = object && !json_is_null(object);
	int status = known ? status_of(fields, object) : 0;

	if (fields->wrong)
		return;
	if (finished)
		session_finished(trace->session, process);
	session_gone(trace->session, process, time, known ? &status : NULL);
}

static void read_stack(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", false);
	uint32_t number = (uint32_t)trace_number(
		fields, "stack", 1, trace->session->stack_count + 1);
	json_t *frames = trace_array(fields, "frames", FRAMES_MAX);
	struct place *places[FRAMES_MAX];
	unsigned int count = 0;
	json_t *frame;
	size_t i;

	json_array_foreach(frames, i, frame)
	{
		struct trace_fields inner = *fields;

		inner.object = frame;
		places[count++] = read_frame(&inner);
		fields->wrong = inner.wrong;
	}
	if (fields->wrong)
		return;
	keep_stack(trace, number,
		   session_add_stack(trace->session, process, number, places,
				     count));
}

static void read_transition(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", false);
	struct subject subject = subject_of(fields, process);
	enum tcp_state from = (enum tcp_state)trace_choice(
		fields, "from", ST_COUNT, state_word);
	enum tcp_state to = (enum tcp_state)trace_choice(fields, "to", ST_COUNT,
							 state_word);
	enum tcp_event event = (enum tcp_event)trace_choice(
		fields, "cause", EVENT_COUNT, event_word);
	struct step step = {
		.time = time_of(trace, fields),
		.edge = machine_edge(from, to, event),
		.process = process,
		.stack = stack_of(trace, fields),
		.result = trace_number(fields, "result", LONG_MIN, LONG_MAX),
		.fd = subject.fd,
		.error = (int)trace_number(fields, "errno", INT_MIN, INT_MAX),
		.unread = (int)trace_number(fields, "unread", INT_MIN, INT_MAX),
		.call = (uint16_t)trace_choice(fields, "call", CALL_COUNT,
					       call_word),
		.evidence = (uint8_t)trace_choice(fields, "evidence",
						  EVIDENCE_INFERRED + 1,
						  evidence_word),
		.likely = trace_truth(fields, "likely"),
	};

	if (!step.edge || step.edge->event != event)
		trace_wrong(fields, "there is no such transition");
	if (fields->wrong)
		return;
	session_step(trace->session, &subject, &step);
}

static void read_released(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", false);
	uint64_t cookie = trace_bits(fields, "cookie");

	if (!fields->wrong)
		session_released(trace->session, process, cookie);
}

static void read_inherited(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", false);
	uint64_t cookie = trace_bits(fields, "cookie");
	int fd = (int)trace_number(fields, "fd", INT_MIN, INT_MAX);

	if (!fields->wrong)
		session_inherited(trace->session, process, cookie, fd);
}

static void read_counters(struct trace *trace, struct trace_fields *fields)
{
	struct tcp_socket *socket =
		session_socket(trace->session, trace_bits(fields, "cookie"));
	struct counters counters = {
		.known = true,
		.sent = trace_bits(fields, "sent"),
		.received = trace_bits(fields, "received"),
		.retransmits = (uint32_t)trace_number(fields, "retransmits", 0,
						      UINT32_MAX),
	};

	if (!socket)
		trace_wrong(fields, "there is no such socket");
	if (!fields->wrong)
		session_counters(trace->session, socket, &counters);
}

static void read_detail(struct trace *trace, struct trace_fields *fields,
			json_t *value, struct detail *detail)
{
	struct trace_fields inner = *fields;
	json_t *object = NULL;

	if (json_is_string(value)) {
		object = json_pack("{s:O}", "text", value);
		inner.object = need_memory(object);
		*detail = (struct detail){ .text = trace_text(&inner, "text") };
	} else {
		inner.object = value;
		*detail = (struct detail){ .stack = stack_of(trace, &inner),
					   .indent = trace_text(&inner,
								"indent") };
	}
	json_decref(object);
	fields->wrong = inner.wrong;
}

/* Which finding of its stack; a trace that says nothing of it has one a stack. */
static uint32_t about_of(struct trace_fields *fields)
{
	if (!json_object_get(fields->object, "about"))
		return 0;
	return (uint32_t)trace_number(fields, "about", 1, UINT32_MAX);
}

static void read_finding(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", true);
	json_t *lines = trace_array(fields, "details", DETAILS_MAX);
	struct detail details[DETAILS_MAX];
	struct found found = {
		.rule = (enum rule)trace_choice(fields, "rule", RULE_COUNT,
						rule_word),
		.time = time_of(trace, fields),
		.process = process,
		.subject = subject_of(fields, process),
		.stack = stack_of(trace, fields),
		.message = trace_text(fields, "message"),
		.details = details,
		.help = trace_text(fields, "help"),
		.suppressed = trace_truth(fields, "suppressed"),
		.last = trace_truth(fields, "last"),
		.about = about_of(fields),
	};
	json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		read_detail(trace, fields, line, &details[i]);
		found.detail_count++;
	}
	if (fields->wrong)
		return;
	found.socket = session_socket(trace->session, found.subject.cookie);
	found.suppressed |= suppressions_match(trace->session->symbols,
					       found.rule, found.stack);
	session_found(trace->session, &found);
}

static void read_repeat(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", true);
	enum rule rule =
		(enum rule)trace_choice(fields, "rule", RULE_COUNT, rule_word);
	struct stack *stack = stack_of(trace, fields);
	uint32_t about = about_of(fields);
	unsigned int count =
		(unsigned int)trace_number(fields, "count", 0, UINT_MAX);

	if (!fields->wrong && !session_repeated(trace->session, process, rule,
						stack, about, count))
		trace_wrong(fields, "there is no such finding");
}

static void read_untold(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", false);
	enum rule rule =
		(enum rule)trace_choice(fields, "rule", RULE_COUNT, rule_word);
	unsigned int count =
		(unsigned int)trace_number(fields, "count", 0, UINT_MAX);

	if (!fields->wrong)
		session_untold(trace->session, process, rule, count);
}

static void read_message(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", true);
	const char *text = trace_plain(fields, "text");

	if (!fields->wrong)
		session_message(trace->session, process, text);
}

static void read_name(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", false);
	uint64_t cookie = trace_bits(fields, "cookie");
	int fd = (int)trace_number(fields, "fd", INT_MIN, INT_MAX);
	const char *name = trace_plain(fields, "name");

	if (!fields->wrong)
		session_named(trace->session, process, fd, cookie, name);
}

static void read_mark(struct trace *trace, struct trace_fields *fields)
{
	struct process *process = trace_process(fields, "process", false);
	uint64_t time = time_of(trace, fields);
	const char *label = trace_plain(fields, "label");

	if (!fields->wrong)
		session_marked(trace->session, process, time, label);
}

static void read_summary(struct trace *trace, struct trace_fields *fields)
{
	uint64_t time = time_of(trace, fields);
	uint64_t lost = trace_bits(fields, "lost");
	uint64_t holes = trace_bits(fields, "holes");
	int status =
		status_of(fields, json_object_get(fields->object, "status"));

	if (fields->wrong)
		return;
	trace->session->ended = time;
	trace->session->lost = lost;
	trace->session->holes = holes;
	trace->session->status = status;
	trace->whole = true;
}

static const struct {
	const char *event;
	void (*read)(struct trace *, struct trace_fields *);
} readers[] = {
	{ "transition", read_transition },
	{ "process", read_process },
	{ "end", read_end },
	{ "stack", read_stack },
	{ "released", read_released },
	{ "inherited", read_inherited },
	{ "counters", read_counters },
	{ "finding", read_finding },
	{ "repeat", read_repeat },
	{ "untold", read_untold },
	{ "message", read_message },
	{ "name", read_name },
	{ "mark", read_mark },
	{ "left", read_left },
	{ "summary", read_summary },
};

char *read_event(struct trace *trace, json_t *object)
{
	struct trace_fields fields = { .session = trace->session,
				       .object = object };
	const char *event = trace_word(&fields, "event");

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (strcmp(readers[i].event, event) != 0)
			continue;
		readers[i].read(trace, &fields);
		return fields.wrong;
	}
	if (strcmp(event, "run") == 0)
		trace_wrong(&fields, "another run begins");
	if (!fields.wrong)
		trace->strange++;
	return fields.wrong;
}
