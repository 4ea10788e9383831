/* What the programs tell of their sockets. */
#include <limits.h>

#include "command/decode_parts.h"
#include "command/ending.h"

/* Would the library tell that? */
static bool makes_sense(const struct walk *walk)
{
	const struct edge *edges;
	size_t count;

	edges = machine_edges(&count);
	if (walk->call >= CALL_COUNT || walk->role > ROLE_PASSIVE ||
	    walk->evidence > EVIDENCE_INFERRED || walk->length == 0 ||
	    walk->length > MACHINE_WALK_MAX || is_bad_address(&walk->local) ||
	    is_bad_address(&walk->peer))
		return false;
	for (unsigned int i = 0; i < walk->length; i++) {
		if (walk->rows[i] >= count ||
		    (i > 0 &&
		     edges[walk->rows[i]].from != edges[walk->rows[i - 1]].to))
			return false;
	}
	return true;
}

static void take_step(struct session *session, struct process *process,
		      const struct transition *told, uint64_t time,
		      struct stack *stack)
{
	struct subject subject = told->subject;
	struct step step = { .time = time,
			     .edge = told->edge,
			     .process = process,
			     .stack = stack,
			     .result = told->result,
			     .fd = subject.fd,
			     .error = told->error,
			     .unread = (int)told->unread,
			     .call = told->call,
			     .evidence = told->evidence,
			     .likely = told->likely };

	subject.pid = process->pid;
	/* The process did not know who had reset it; its other end may. */
	if (step.likely && step.edge->event == EVENT_RST) {
		struct tcp_socket *socket =
			session_socket(session, subject.cookie);
		enum fate fate = socket ? ending_fate(socket) : FATE_UNKNOWN;

		if (fate != FATE_UNKNOWN && socket->state == step.edge->from) {
			ending_tell(session, socket, &step, fate);
			return;
		}
	}
	session_step(session, &subject, &step);
}

bool decode_walk(struct decoder *decoder, const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_walk *told = fixed_part(record, sizeof(*told), &rest);
	struct process *process = told ? sender(decoder, &told->head) : NULL;
	struct walk walk;

	if (!process || !makes_sense(&told->walk))
		return false;
	walk = told->walk;
	walk.local = clean_address(&told->walk.local);
	walk.peer = clean_address(&told->walk.peer);
	if (walk.closes)
		session_closed(decoder->session, process, walk.cookie,
			       session_stack(process, walk.closed_by));
	for (unsigned int i = 0; i < walk.length; i++) {
		struct transition transition = event_step(&walk, i);

		take_step(decoder->session, process, &transition,
			  told->head.time, session_stack(process, walk.born));
	}
	return true;
}

bool decode_closed(struct decoder *decoder, const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_closed *closed =
		fixed_part(record, sizeof(*closed), &rest);
	struct process *process = closed ? sender(decoder, &closed->head)
					 : NULL;

	if (!process)
		return false;
	session_closed(decoder->session, process, closed->cookie,
		       session_stack(process, closed->stack));
	return true;
}

bool decode_released(struct decoder *decoder, const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_released *released =
		fixed_part(record, sizeof(*released), &rest);
	struct process *process = released ? sender(decoder, &released->head)
					   : NULL;

	if (!process)
		return false;
	session_released(decoder->session, process, released->cookie);
	return true;
}

bool decode_inherited(struct decoder *decoder, const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_inherited *told =
		fixed_part(record, sizeof(*told), &rest);
	struct process *process = told ? sender(decoder, &told->head) : NULL;

	if (!process)
		return false;
	if (record->kind == RING_USED)
		session_used(process, told->cookie);
	else if (told->cookie != 0)
		session_inherited(decoder->session, process, told->cookie,
				  told->fd);
	return true;
}

bool decode_unread(struct decoder *decoder, const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_unread *told =
		fixed_part(record, sizeof(*told), &rest);
	struct tcp_socket *socket;

	if (!told || told->bytes > INT_MAX)
		return false;
	socket = session_socket(decoder->session, told->cookie);
	if (socket)
		socket->unread = (int)told->bytes;
	return true;
}

bool decode_counters(struct decoder *decoder, const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_counters *told =
		fixed_part(record, sizeof(*told), &rest);
	struct tcp_socket *socket;
	struct counters counters;

	if (!told)
		return false;
	/* What was never seen to do anything is of no interest. */
	socket = session_socket(decoder->session, told->cookie);
	if (!socket)
		return true;
	counters = (struct counters){ .known = true,
				      .sent = told->sent,
				      .received = told->received,
				      .retransmits = told->retransmits };
	session_counters(decoder->session, socket, &counters);
	return true;
}

bool decode_name(struct decoder *decoder, const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_name *told = fixed_part(record, sizeof(*told), &rest);
	struct process *process = told ? sender(decoder, &told->head) : NULL;

	if (!process)
		return false;
	session_named(decoder->session, process, told->fd, told->cookie,
		      next_text(&rest));
	return true;
}
