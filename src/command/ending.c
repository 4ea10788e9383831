#include "command/ending.h"

static const struct step *last_step(const struct tcp_socket *socket)
{
	return socket && socket->step_count > 0
		       ? &socket->steps[socket->step_count - 1]
		       : NULL;
}

static enum fate fate_by(const struct step *last)
{
	if (last->edge->to == ST_TIME_WAIT)
		return FATE_ANSWERED;
	if (last->edge->to != ST_CLOSED)
		return FATE_UNKNOWN;
	switch (last->edge->event) {
	case EVENT_RCV_ACK_FIN:
		return FATE_ANSWERED;
	case EVENT_ABORT:
		return FATE_WAS_RESET;
	case EVENT_RCV_RST:
		return FATE_RESET_OTHER;
	default:
		return last->edge->from == ST_TIME_WAIT ? FATE_ANSWERED
							: FATE_UNKNOWN;
	}
}

enum fate ending_fate(const struct tcp_socket *socket)
{
	const struct step *last = last_step(socket->other_end);
	enum fate fate = last ? fate_by(last) : FATE_UNKNOWN;

	return fate == FATE_UNKNOWN && socket->succeeded ? FATE_SUCCEEDED
							 : fate;
}

/* Has the other end begun to close before this one did? */
static bool peer_closed_first(const struct tcp_socket *socket)
{
	const struct tcp_socket *other = socket->other_end;

	return other &&
	       (other->state == ST_FIN_WAIT_1 ||
		other->state == ST_FIN_WAIT_2 || other->state == ST_TIME_WAIT);
}

/*
 * Whoever held it after its owner has told nothing. Had it been the first to
 * close, TIME_WAIT would show.
 */
static bool was_left_to_others(const struct tcp_socket *socket)
{
	return socket->released && !socket->other_end;
}

/* Of two FINs there is no trace once both are acknowledged. */
static bool was_last_to_close(const struct tcp_socket *socket)
{
	return socket->state == ST_CLOSE_WAIT ||
	       (socket->state == ST_ESTABLISHED &&
		(peer_closed_first(socket) || was_left_to_others(socket)));
}

static void walk(struct session *session, struct tcp_socket *socket,
		 const struct step *common, const struct machine_ending *ending,
		 enum tcp_state to)
{
	struct subject subject = session_subject(socket);
	uint8_t rows[MACHINE_WALK_MAX];
	size_t length = machine_path(socket->state, ending->via, to,
				     ending->event, rows);

	for (size_t i = 0; i < length; i++) {
		bool last = i == length - 1;
		struct step step = *common;

		step.edge = machine_edges(NULL) + rows[i];
		step.evidence = last ? common->evidence : EVIDENCE_INFERRED;
		step.likely = last && ending->likely;
		session_step(session, &subject, &step);
	}
}

void ending_tell(struct session *session, struct tcp_socket *socket,
		 const struct step *step, enum fate fate)
{
	struct machine_ending ending = machine_ending(socket->state, fate);
	const struct step *other = last_step(socket->other_end);
	bool reset = fate == FATE_WAS_RESET || fate == FATE_RESET_OTHER;

	/* What rests on a guess is one; the bytes were counted. */
	if (reset && other && step->unread == 0)
		ending.likely = other->likely;
	if (!reset && ending.likely && was_last_to_close(socket))
		ending = (struct machine_ending){ ST_LAST_ACK,
						  EVENT_RCV_ACK_FIN, true };
	walk(session, socket, step, &ending, ST_CLOSED);
}

void ending_tell_state(struct session *session, struct tcp_socket *socket,
		       const struct step *step, enum tcp_state state)
{
	struct machine_ending none = { .via = ST_UNKNOWN };

	walk(session, socket, step, &none, state);
}
