/* What the programs tell of their sockets. */
#include <limits.h>

#include "command/decode_parts.h"
#include "command/ending.h"

bool decode_transition(struct decoder *decoder,
		       const struct ring_record *record)
{
	struct cursor rest;
	const struct ring_transition *told =
		fixed_part(record, sizeof(*told), &rest);
	struct process *process = told ? sender(decoder, &told->head) : NULL;
	struct subject subject;
	struct step step;
	size_t edges;

	machine_edges(&edges);
	if (!process || told->edge >= edges || told->call >= CALL_COUNT ||
	    told->role > ROLE_PASSIVE || told->evidence > EVIDENCE_INFERRED ||
	    is_bad_address(&told->local) || is_bad_address(&told->peer))
		return false;
	subject = (struct subject){ .pid = process->pid,
				    .fd = told->fd,
				    .role = (enum role)told->role,
				    .local = clean_address(&told->local),
				    .peer = clean_address(&told->peer),
				    .cookie = told->cookie };
	step = (struct step){ .time = told->head.time,
			      .edge = machine_edges(NULL) + told->edge,
			      .process = process,
			      .stack = session_stack(process, told->stack),
			      .result = told->result,
			      .fd = told->fd,
			      .error = told->error,
			      .unread = told->unread,
			      .call = told->call,
			      .evidence = told->evidence,
			      .likely = told->likely };
	/* The process did not know who had reset it; its other end may. */
	if (step.likely && step.edge->event == EVENT_RST) {
		struct tcp_socket *socket =
			session_socket(decoder->session, told->cookie);
		enum fate fate = socket ? ending_fate(socket) : FATE_UNKNOWN;

		if (fate != FATE_UNKNOWN && socket->state == step.edge->from) {
			ending_tell(decoder->session, socket, &step, fate);
			return true;
		}
	}
	session_step(decoder->session, &subject, &step);
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
