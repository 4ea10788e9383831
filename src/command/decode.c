#include "command/decode.h"

#include <stdlib.h>
#include <string.h>

#include "command/details.h"
#include "command/decode_parts.h"
#include "command/pids.h"
#include "command/say.h"
#include "command/suppressions.h"
#include "model/text.h"

enum { FRAMES_MAX = 64, DETAILS_MAX = 512 };

void decoder_begin(struct decoder *decoder, struct session *session)
{
	*decoder = (struct decoder){ .session = session,
				     .pids = pids_own_namespace() };
}

void decoder_end(struct decoder *decoder)
{
	modules_free(&decoder->modules);
	executions_free(&decoder->execs);
}

/* The arguments, each closed by a NUL, become one text. */
static const char *join_arguments(struct decoder *decoder,
				  const struct cursor *cursor)
{
	size_t size = cursor->at < cursor->end
			      ? (size_t)(cursor->end - cursor->at)
			      : 0;
	char *text = need_memory(calloc(1, size + 1));
	const char *joined;

	if (size > 0)
		memcpy(text, cursor->at, size);
	while (size > 0 && text[size - 1] == '\0')
		size--;
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\0')
			text[i] = ' ';
	}
	joined = session_text(decoder->session, text);
	free(text);
	return joined;
}

static void set_parent(const struct decoder *decoder, struct process *process,
		       const struct ring_start *start)
{
	if (!process->parent && !process->forked)
		process->parent = session_own_pid(
			decoder->session, process->pids, start->parent_pid);
	if (process->parent)
		process->parent_pid = process->parent->pid;
	else if (process->pids == 0)
		process->parent_pid = start->parent_pid;
}

static bool decode_start(struct decoder *decoder,
			 const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_start *start =
		fixed_part(record, sizeof(*start), &rest);
	struct process process;
	const char *path;
	const char *name;

	if (!start || start->head.process == 0 || start->head.pid <= 0)
		return false;
	path = next_text(&rest);
	name = next_text(&rest);
	process = (struct process){
		.number = start->head.process,
		.parent = session_process(decoder->session, start->parent),
		.forked = start->flags & RING_FORKED,
		.program = session_text(decoder->session, path),
		.command = session_text(decoder->session,
					name[0] ? name : text_base_name(path)),
		.arguments = join_arguments(decoder, &rest),
		.started = start->head.time,
		.network = start->network,
	};
	pids_settle(&process, start, decoder->pids);
	set_parent(decoder, &process, start);
	if (!process.forked)
		process.expected = executions_forget(
			&decoder->execs, process.pids, process.own_pid);
	session_start(decoder->session, &process);
	return true;
}

static bool decode_end(struct decoder *decoder,
		       const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_end *end = fixed_part(record, sizeof(*end), &rest);
	struct process *process = end ? sender(decoder, &end->head) : NULL;

	if (!process)
		return false;
	session_finished(decoder->session, process);
	return true;
}

static bool decode_exec(struct decoder *decoder,
			const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_exec *exec = fixed_part(record, sizeof(*exec), &rest);
	struct process *process;

	if (!exec)
		return false;
	process = sender(decoder, &exec->head);
	if (record->kind == RING_EXEC &&
	    executions_begun(decoder->session, process, exec->child))
		return true;
	executions_forget(&decoder->execs, process ? process->pids : 0,
			  exec->child);
	if (record->kind == RING_EXEC)
		executions_add(&decoder->execs, process, exec->child,
			       next_text(&rest));
	return true;
}

static bool decode_module(struct decoder *decoder,
			  const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_module *module =
		fixed_part(record, sizeof(*module), &rest);
	const struct process *process;
	struct object *object;

	if (!module)
		return false;
	process = sender(decoder, &module->head);
	object = symbols_object(decoder->session->symbols, next_text(&rest),
				process && !process->hidden ? process->pid : 0,
				&module->build);
	modules_add(&decoder->modules, module->head.process, module->base,
		    object);
	return true;
}

static bool decode_stack(struct decoder *decoder,
			 const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_stack *stack =
		fixed_part(record, sizeof(*stack), &rest);
	struct process *process = stack ? sender(decoder, &stack->head) : NULL;
	struct place *places[FRAMES_MAX];
	struct ring_frame frame;

	if (!process || stack->count > FRAMES_MAX ||
	    stack->count * sizeof(frame) > (size_t)(rest.end - rest.at))
		return false;
	for (uint32_t i = 0; i < stack->count; i++) {
		memcpy(&frame, rest.at + i * sizeof(frame), sizeof(frame));
		places[i] = symbols_place(decoder->session->symbols,
					  modules_find(&decoder->modules,
						       process, frame.base),
					  frame.address);
	}
	session_add_stack(decoder->session, process, stack->id, places,
			  stack->count);
	return true;
}

static bool decode_birth(struct decoder *decoder,
			 const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_birth *birth =
		fixed_part(record, sizeof(*birth), &rest);
	struct process *process = birth ? sender(decoder, &birth->head) : NULL;

	if (process)
		session_add_birth(decoder->session, process, birth->id,
				  birth->cookie);
	return process != NULL;
}

static bool decode_finding(struct decoder *decoder,
			   const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_finding *told =
		fixed_part(record, sizeof(*told), &rest);
	struct process *process = told ? sender(decoder, &told->head) : NULL;
	struct detail details[DETAILS_MAX];
	struct found found;

	if (!process || told->rule >= RULE_COUNT || told->role > ROLE_PASSIVE ||
	    is_bad_address(&told->local) || is_bad_address(&told->peer))
		return false;
	found = (struct found){
		.rule = (enum rule)told->rule,
		.time = told->head.time,
		.process = process,
		.socket = session_socket(decoder->session, told->cookie),
		.subject = { .pid = process->pid,
			     .fd = told->fd,
			     .role = (enum role)told->role,
			     .local = clean_address(&told->local),
			     .peer = clean_address(&told->peer),
			     .cookie = told->cookie },
		.stack = session_stack(process, told->stack),
		.message = session_told(decoder->session, next_text(&rest)),
		.details = details,
		.about = told->about,
		.last = told->last,
	};
	found.detail_count = details_read(decoder->session, process,
					  found.stack, next_text(&rest),
					  details, DETAILS_MAX);
	found.help = session_told(decoder->session, next_text(&rest));
	found.suppressed = told->suppressed ||
			   suppressions_match(decoder->session->symbols,
					      found.rule, found.stack);
	session_found(decoder->session, &found);
	return true;
}

static bool decode_again(struct decoder *decoder,
			 const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_again *again =
		fixed_part(record, sizeof(*again), &rest);
	struct process *process = again ? sender(decoder, &again->head) : NULL;
	enum rule rule;

	if (!process || again->rule >= RULE_COUNT)
		return false;
	rule = (enum rule)again->rule;
	if (!again->untold)
		return session_repeated(decoder->session, process, rule,
					session_stack(process, again->stack),
					again->about, again->count);
	session_untold(decoder->session, process, rule, again->count);
	return true;
}

static bool decode_message(struct decoder *decoder,
			   const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_message *message =
		fixed_part(record, sizeof(*message), &rest);

	char *text;

	if (!message)
		return false;
	text = say_plain(next_text(&rest));
	session_message(decoder->session, sender(decoder, &message->head),
			text);
	free(text);
	return true;
}

static bool decode_mark(struct decoder *decoder,
			const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_mark *told = fixed_part(record, sizeof(*told), &rest);
	struct process *process = told ? sender(decoder, &told->head) : NULL;

	if (!process)
		return false;
	session_marked(decoder->session, process, told->head.time,
		       next_text(&rest));
	return true;
}

static bool decode_network(struct decoder *decoder,
			   const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_network *told =
		fixed_part(record, sizeof(*told), &rest);
	struct process *process = told ? sender(decoder, &told->head) : NULL;

	if (!process)
		return false;
	/* What it has made so far stays where it was. */
	process->network = told->network;
	return true;
}

void decode(struct decoder *decoder, const struct ring_record *record)
{
	static bool (*const decoders[RING_KIND_COUNT])(
		struct decoder *, const struct ring_record *) = {
		[RING_START] = decode_start,
		[RING_END] = decode_end,
		[RING_EXEC] = decode_exec,
		[RING_EXEC_FAILED] = decode_exec,
		[RING_MODULE] = decode_module,
		[RING_STACK] = decode_stack,
		[RING_BIRTH] = decode_birth,
		[RING_WALK] = decode_walk,
		[RING_CLOSED] = decode_closed,
		[RING_RELEASED] = decode_released,
		[RING_COUNTERS] = decode_counters,
		[RING_FINDING] = decode_finding,
		[RING_AGAIN] = decode_again,
		[RING_MESSAGE] = decode_message,
		[RING_NAME] = decode_name,
		[RING_MARK] = decode_mark,
		[RING_NETWORK] = decode_network,
		[RING_UNREAD] = decode_unread,
		[RING_INHERITED] = decode_inherited,
		[RING_USED] = decode_inherited,
	};

	if (record->kind >= RING_KIND_COUNT || !decoders[record->kind] ||
	    !decoders[record->kind](decoder, record))
		decoder->bad++;
}
