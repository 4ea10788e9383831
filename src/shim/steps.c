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
 * What is told of a walk. Taken down before the word is changed: as soon as
 * that is done another thread may close the socket, and its record may be
 * another one's.
 */
static void note(struct walk *walk, int fd, const struct sock *sock,
		 const struct sight *sight)
{
	walk->cookie = sock->cookie;
	walk->result = sight->result;
	walk->error = sight->error;
	walk->fd = fd;
	walk->unread = sock->unread;
	walk->born = sock->born;
	walk->closed_by = sight->closes ? sock->closed_by : 0;
	walk->local = sock->local;
	walk->peer = sock->peer;
	walk->call = (uint16_t)sight->call;
	walk->role = sock->role;
	walk->likely = false;
	walk->closes = sight->closes;
}

/* called: the call itself is the last step, and no look has shown it. */
static void say(struct walk *walk, struct sock *sock, bool called,
		const struct sight *sight)
{
	const struct edge *edges = machine_edges(NULL);

	if (walk->length == 0)
		return;
	walk->evidence =
		called || proves(sight, &edges[walk->rows[walk->length - 1]])
			? EVIDENCE_CALL
			: EVIDENCE_KERNEL;
	for (unsigned int i = 0; i < walk->length; i++) {
		if (edges[walk->rows[i]].to != ST_CLOSE_WAIT)
			continue;
		sock_set(sock, peer_closed_at, clock_now());
		rule_peer_closed();
	}
	report_walk(walk);
}

bool steps_walk(int fd, uint64_t ref, uint64_t *word, enum tcp_state via,
		enum tcp_state to, enum tcp_event event, bool likely,
		bool called, const struct sight *sight)
{
	enum tcp_state from = sock_state(*word);
	struct walk walk;

	note(&walk, fd, sock_of(ref), sight);
	walk.likely = likely;
	walk.length = (uint8_t)machine_path(from, via, to, event, walk.rows);
	if (!sock_swap(ref, word, sock_stepped(*word, to)))
		return false;
	sock_give_credit(sock_of(ref), 0);
	if (walk.length == 0)
		blind_lost_track(fd, ref, from, to, sight);
	say(&walk, sock_of(ref), called, sight);
	return true;
}

void observe_born(int fd, uint64_t ref, enum tcp_state from, enum tcp_state to,
		  enum tcp_event event, const struct sight *sight)
{
	struct walk walk;

	note(&walk, fd, sock_of(ref), sight);
	walk.length =
		(uint8_t)machine_path(from, ST_UNKNOWN, to, event, walk.rows);
	say(&walk, sock_of(ref), true, sight);
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
