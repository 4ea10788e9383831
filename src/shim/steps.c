#include "shim/steps.h"

#include <string.h>

#include "shim/blind.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"

enum tcp_event steps_event(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
		return EVENT_RCV_RST;
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
		return EVENT_TIMEOUT;
	case ECONNABORTED:
		return EVENT_ABORT;
	default:
		return EVENT_NONE;
	}
}

/* Does the call alone prove that this edge was taken? */
static bool proves(const struct sight *sight, const struct edge *edge)
{
	enum call_kind kind = call_kind(sight->call);

	switch (edge->event) {
	case EVENT_RCV_FIN:
		return kind == KIND_READ && sight->result == 0;
	case EVENT_RCV_RST:
	case EVENT_TIMEOUT:
		return sight->error != 0 &&
		       steps_event(sight->error) == edge->event;
	case EVENT_ABORT:
		return sight->error == ECONNABORTED ||
		       (kind == KIND_CONNECT && sight->result == 0);
	case EVENT_RCV_SYN_ACK:
	case EVENT_RCV_ACK:
		return (kind == KIND_CONNECT && sight->result == 0) ||
		       (kind == KIND_ACCEPT && sight->result >= 0);
	case EVENT_OPEN_PASSIVE:
		return kind == KIND_LISTEN && sight->result == 0;
	default:
		return false;
	}
}

/*
 * What is told of a step. Taken down before the step: as soon as that is made,
 * another thread may close the socket, and its record may be another one's.
 */
static struct transition note(int fd, const struct sock *sock,
			      const struct sight *sight)
{
	return (struct transition){
		.subject = report_subject(sock, fd),
		.call = sight->call,
		.result = sight->result,
		.error = sight->error,
		.unread = sock->unread,
		.stack = sock->born,
	};
}

static void say_all(struct transition *transition, struct sock *sock,
		    const struct edge *const *path, size_t length, bool likely,
		    bool called, const struct sight *sight)
{
	uint32_t unread = transition->unread;

	for (size_t i = 0; i < length; i++) {
		const struct edge *edge = path[i];
		bool last = i == length - 1;

		transition->edge = edge;
		transition->likely = last && likely;
		transition->unread = edge->event == EVENT_ABORT ? unread : 0;
		transition->evidence = EVIDENCE_INFERRED;
		if (last)
			transition->evidence = called || proves(sight, edge)
						       ? EVIDENCE_CALL
						       : EVIDENCE_KERNEL;
		if (edge->to == ST_CLOSE_WAIT) {
			sock_set(sock, peer_closed_at, clock_now());
			rule_peer_closed();
		}
		report_transition(transition);
	}
}

bool steps_walk(int fd, uint64_t ref, uint64_t *word, enum tcp_state via,
		enum tcp_state to, enum tcp_event event, bool likely,
		bool called, const struct sight *sight)
{
	const struct edge *path[2 * MACHINE_PATH_MAX];
	struct transition noted = note(fd, sock_of(ref), sight);
	enum tcp_state from = sock_state(*word);
	size_t length = 0;

	if (via != ST_UNKNOWN && via != from && via != to)
		length = machine_path(from, via, EVENT_NONE, path);
	if (length > 0)
		from = via;
	length += machine_path(from, to, event, path + length);
	if (!sock_swap(ref, word, sock_stepped(*word, to)))
		return false;
	sock_give_credit(sock_of(ref), 0);
	if (length == 0)
		blind_lost_track(fd, ref, from, to, sight);
	say_all(&noted, sock_of(ref), path, length, likely, called, sight);
	return true;
}

void observe_born(int fd, uint64_t ref, enum tcp_state from, enum tcp_state to,
		  enum tcp_event event, const struct sight *sight)
{
	const struct edge *path[MACHINE_PATH_MAX];
	struct transition noted = note(fd, sock_of(ref), sight);
	size_t length = machine_path(from, to, event, path);

	say_all(&noted, sock_of(ref), path, length, false, true, sight);
}

int steps_error(const struct sight *sight)
{
	return sight->error ? sight->error : sight->pending;
}

/*
 * The state in which a connection was when it ended, as far as that shows.
 *
 * The error number of a reset tells where it came (tcp_reset): ECONNREFUSED in
 * SYN_SENT, EPIPE in CLOSE_WAIT, else ECONNRESET. An end of file on a
 * connection that is gone altogether: the FIN came first.
 */
static enum tcp_state ended_in(enum tcp_state shadow, const struct sight *sight)
{
	bool end_of_file = call_kind(sight->call) == KIND_READ &&
			   sight->result == 0;
	int error = steps_error(sight);

	if (shadow != ST_SYN_SENT && shadow != ST_ESTABLISHED)
		return ST_UNKNOWN;
	if (error == EPIPE || (shadow == ST_ESTABLISHED && end_of_file))
		return ST_CLOSE_WAIT;
	return error == ECONNRESET ? ST_ESTABLISHED : ST_UNKNOWN;
}

/* A socket connected to itself opens and closes simultaneously with itself. */
static bool is_self(const struct sock *sock)
{
	return sock->local.family != 0 &&
	       memcmp(&sock->local, &sock->peer, sizeof(sock->local)) == 0;
}

enum tcp_state steps_via(const struct sock *sock, enum tcp_state shadow,
			 enum tcp_state to, const struct sight *sight)
{
	enum tcp_state via = to == ST_CLOSED ? ended_in(shadow, sight)
					     : ST_UNKNOWN;

	if (via != ST_UNKNOWN)
		return via;
	/* A FIN that waited for the handshake's end, see shut_state(). */
	if (shadow == ST_SYN_RCVD && to != ST_CLOSED)
		return ST_ESTABLISHED;
	if (is_self(sock) && shadow == ST_SYN_SENT && to == ST_ESTABLISHED)
		return ST_SYN_RCVD;
	if (is_self(sock) && shadow == ST_FIN_WAIT_1 && to == ST_TIME_WAIT)
		return ST_CLOSING;
	return ST_UNKNOWN;
}
