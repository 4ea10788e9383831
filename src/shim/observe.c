#include "shim/observe.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/diag.h"
#include "kernel/raw.h"
#include "kernel/socket.h"
#include "shim/blind.h"
#include "shim/feed.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/sigpipe.h"
#include "shim/stack.h"

/* The kernel keeps TIME_WAIT for 60 s (TCP_TIMEWAIT_LEN), in milliseconds. */
enum { TIME_WAIT_MS = 60000 };

/* The reason that an error number gives for the end of a connection. */
static enum tcp_event event_of_error(int error)
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
		       event_of_error(sight->error) == edge->event;
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

static void say(struct transition transition, struct sock *sock,
		const struct edge *edge, enum evidence evidence, bool likely)
{
	transition.edge = edge;
	transition.evidence = evidence;
	transition.likely = likely;
	if (edge->event != EVENT_ABORT)
		transition.unread = 0;
	if (edge->to == ST_CLOSE_WAIT) {
		sock->peer_closed_at = clock_now();
		rule_peer_closed();
	}
	report_transition(&transition);
}

static void say_all(const struct transition *noted, struct sock *sock,
		    const struct edge *const *path, size_t length, bool likely,
		    bool called, const struct sight *sight)
{
	for (size_t i = 0; i < length; i++) {
		bool last = i == length - 1;
		enum evidence evidence = EVIDENCE_INFERRED;

		if (last)
			evidence = called || proves(sight, path[i])
					   ? EVIDENCE_CALL
					   : EVIDENCE_KERNEL;
		say(*noted, sock, path[i], evidence, last && likely);
	}
}

/*
 * Walks the shadow from the state in *word to `to`, over `via` when that is
 * given (ST_UNKNOWN: the shortest way). Only the caller whose swap succeeds
 * reports. False when the word has changed: the caller looks again.
 */
static bool walk(int fd, uint64_t ref, uint64_t *word, enum tcp_state via,
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

/*
 * What the kernel's state means for this socket. TCP_INFO says CLOSED of a
 * descriptor in TIME_WAIT; where our FIN is out, sock_diag tells which it is.
 */
static enum tcp_state refine(const struct sock *sock, enum tcp_state shadow,
			     enum tcp_state kernel)
{
	struct diag_row row;

	if (kernel != ST_CLOSED || atomic_load(&sock->word) & SOCK_ELSEWHERE)
		return kernel;
	switch (shadow) {
	case ST_TIME_WAIT:
	case ST_UNKNOWN:
		return shadow == ST_UNKNOWN ? kernel : ST_TIME_WAIT;
	case ST_ESTABLISHED:
	case ST_FIN_WAIT_1:
	case ST_FIN_WAIT_2:
	case ST_CLOSING:
		if (diag_find(&sock->local, &sock->peer, &row) == 1 &&
		    row.cookie == sock->cookie && row.state == ST_TIME_WAIT)
			return ST_TIME_WAIT;
		return kernel;
	default:
		return kernel;
	}
}

/* What the result alone shows, without the kernel's word. */
static enum tcp_state implied(uint64_t word, const struct sight *sight)
{
	enum call_kind kind = call_kind(sight->call);
	enum tcp_state shadow = sock_state(word);

	if (event_of_error(sight->error) != EVENT_NONE)
		return ST_CLOSED;
	if ((shadow == ST_SYN_SENT || shadow == ST_SYN_RCVD) &&
	    (sight->result > 0 || (kind == KIND_CONNECT && sight->result == 0)))
		return ST_ESTABLISHED;
	/* After shutdown(SHUT_RD) the end of file is our own. */
	if (kind != KIND_READ || sight->result != 0 || word & SOCK_SHUT_READ)
		return shadow;
	if (shadow == ST_ESTABLISHED)
		return ST_CLOSE_WAIT;
	if (shadow == ST_FIN_WAIT_1 || shadow == ST_FIN_WAIT_2)
		return ST_TIME_WAIT;
	return shadow;
}

/* A socket connected to itself opens and closes simultaneously with itself. */
static bool is_self(const struct sock *sock)
{
	return sock->local.family != 0 &&
	       memcmp(&sock->local, &sock->peer, sizeof(sock->local)) == 0;
}

bool observe_is_shared(const struct sock *sock, uint64_t word)
{
	return word & SOCK_PASSED || sock->epoch < process_epoch();
}

/* That of the call, or else of the connection. */
static int known_error(const struct sight *sight)
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
	int error = known_error(sight);

	if (shadow != ST_SYN_SENT && shadow != ST_ESTABLISHED)
		return ST_UNKNOWN;
	if (error == EPIPE || (shadow == ST_ESTABLISHED && end_of_file))
		return ST_CLOSE_WAIT;
	return error == ECONNRESET ? ST_ESTABLISHED : ST_UNKNOWN;
}

/* The state between, where the shortest way is not the one that was gone. */
static enum tcp_state via_state(const struct sock *sock, enum tcp_state shadow,
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

/*
 * Another process that holds the connection has sent our FIN, both are
 * acknowledged, and no error is left over as there would be after a reset.
 */
static bool ended_in_order(int fd, const struct sock *sock, uint64_t word)
{
	enum tcp_state from = sock_state(word);

	return (from == ST_ESTABLISHED || from == ST_CLOSE_WAIT) &&
	       !process_sandboxed() && observe_is_shared(sock, word) &&
	       !(kernel_socket_events(fd) & POLLERR);
}

static void settle_shadow(int fd, uint64_t ref, uint64_t word,
			  enum tcp_state to, bool retrying,
			  const struct sight *sight)
{
	enum tcp_state from = sock_state(word);
	enum tcp_event event = event_of_error(known_error(sight));
	struct sock *sock = sock_of(ref);
	enum tcp_state via = via_state(sock, from, to, sight);
	bool likely = to == ST_CLOSED && event == EVENT_NONE &&
		      from != ST_LAST_ACK && from != ST_LISTEN &&
		      from != ST_TIME_WAIT;

	if (event == EVENT_NONE && likely && retrying)
		event = EVENT_TIMEOUT;
	else if (event == EVENT_NONE && likely && via == ST_UNKNOWN &&
		 ended_in_order(fd, sock, word))
		via = ST_LAST_ACK;
	if (call_kind(sight->call) == KIND_CONNECT && sight->result == 0 &&
	    to == ST_CLOSED) {
		event = EVENT_ABORT;
		likely = false;
	}
	/* Opened by a call that we did not see as such (fast open). */
	if (from == ST_CLOSED ||
	    (from == ST_SYN_SENT && sock->peer.family == 0))
		observe_names(fd, ref);
	if (from == ST_CLOSED && to != ST_LISTEN && sock->role == ROLE_NONE)
		sock->role = ROLE_ACTIVE;
	if (to == ST_CLOSED && event != EVENT_ABORT &&
	    (from == ST_CLOSE_WAIT || via == ST_CLOSE_WAIT))
		sigpipe_confirmed(fd, ref, sight);
	if (walk(fd, ref, &word, via, to, event, likely, false, sight) &&
	    from == ST_SYN_SENT && to == ST_CLOSED &&
	    event_of_error(sight->error) == EVENT_NONE)
		sock_flag(ref, SOCK_ERROR_UNREAD, 0);
}

/*
 * Does it take the cookie to tell whether the number still leads to the socket?
 * Not where the kernel shows what was expected, before or after the call (of
 * two dup2() onto one number the table may know the wrong one for a while), as
 * long as nothing has ever been closed by calls that cannot be seen.
 */
static bool in_doubt(enum tcp_state kernel, uint64_t word,
		     const struct sight *sight)
{
	bool expected =
		kernel == sock_state(word) ||
		(!(word & SOCK_COPIED) && kernel == implied(word, sight));

	return !expected || blind_to_closes();
}

void observe_counters(int fd, uint64_t ref, const struct sight *sight,
		      struct kernel_counters *counters)
{
	enum { TRIES = 8 };
	struct sock *sock = sock_of(ref);

	rule_check_close_wait();
	for (int i = 0; i < TRIES; i++) {
		bool retrying = false;
		enum tcp_state kernel;
		enum tcp_state to;
		uint64_t word;

		if (!sock_load(ref, &word))
			return;
		sock->touched = process_epoch();
		if (process_sandboxed()) {
			to = implied(word, sight);
		} else {
			kernel = kernel_socket_info(fd, &retrying, counters);
			if (in_doubt(kernel, word, sight) &&
			    kernel_socket_cookie(fd) != sock->cookie) {
				if (counters)
					counters->known = false;
				observe_vanished(fd, ref, sight);
				return;
			}
			/*
			 * A close takes the entry away before it closes: if it
			 * is still there, the answer was about our socket.
			 */
			if (table_find(fd) != ref || kernel == ST_UNKNOWN) {
				if (counters)
					counters->known = false;
				return;
			}
			to = refine(sock, sock_state(word), kernel);
		}
		if (to == sock_state(word)) {
			if (word & SOCK_ERROR_UNREAD &&
			    event_of_error(sight->error) != EVENT_NONE)
				sock_flag(ref, 0, SOCK_ERROR_UNREAD);
			return;
		}
		/* Nothing happened since the word was read: the look holds. */
		if (atomic_load(&sock->word) != word)
			continue;
		settle_shadow(fd, ref, word, to, retrying, sight);
		if (!sock_load(ref, &word) || sock_state(word) == to)
			return;
	}
}

bool observe_shown(int fd, uint64_t ref, enum tcp_state state,
		   const struct sight *sight)
{
	uint64_t word;

	rule_check_close_wait();
	if (!sock_load(ref, &word) || table_find(fd) != ref)
		return false;
	if (sock_state(word) != state)
		settle_shadow(fd, ref, word, state, false, sight);
	return sock_load(ref, &word) && sock_state(word) == state;
}

bool observe_step(int fd, uint64_t ref, enum tcp_state from, enum tcp_state to,
		  enum tcp_event event, const struct sight *sight)
{
	uint64_t word;

	while (sock_load(ref, &word) && sock_state(word) == from) {
		if (from == to || walk(fd, ref, &word, ST_UNKNOWN, to, event,
				       false, true, sight))
			return true;
	}
	return false;
}

void observe_read(int fd, uint64_t ref, const struct sight *sight)
{
	int saved = errno;
	bool quiet = sight->result < 0 &&
		     (sight->error == EAGAIN || sight->error == EINTR);
	uint64_t word;

	if (!quiet || observe_wants_read(ref))
		observe(fd, ref, sight);
	/* A call that asks for no bytes gets none, whatever there is. */
	if (sight->result == 0 && sock_load(ref, &word) &&
	    sock_state(word) == ST_CLOSE_WAIT && !(word & SOCK_SAW_END) &&
	    (process_sandboxed() || kernel_socket_unread(fd) == 0))
		rule_saw_end(ref);
	errno = saved;
}

bool observe_peer_closed_first(int fd, const struct sock *sock)
{
	enum tcp_state kernel;

	if (process_sandboxed())
		return false;
	kernel = kernel_socket_state(fd, NULL);
	if (kernel == ST_LAST_ACK)
		return true;
	/*
	 * Both FINs are acknowledged: the side that was first waits. A reset
	 * would have left an error.
	 */
	return kernel == ST_CLOSED &&
	       refine(sock, ST_FIN_WAIT_1, kernel) != ST_TIME_WAIT &&
	       !(kernel_socket_events(fd) & POLLERR);
}

void observe_names(int fd, uint64_t ref)
{
	struct sock *sock = sock_of(ref);

	if (process_sandboxed())
		return;
	kernel_socket_local(fd, &sock->local);
	kernel_socket_peer(fd, &sock->peer);
}

/* The state of a closed socket that the kernel no longer shows. */
static void bury(uint64_t ref, uint64_t word, bool succeeded,
		 const struct sight *sight)
{
	const struct sock *sock = sock_of(ref);
	bool waited = sock->closed_at &&
		      clock_now() - sock->closed_at >= TIME_WAIT_MS;
	struct machine_ending ending =
		machine_ending(sock_state(word), succeeded ? FATE_SUCCEEDED
						 : waited  ? FATE_WAITED
							   : FATE_UNKNOWN);

	if (sock_state(word) == ST_CLOSED)
		return;
	walk(sock->fd, ref, &word, ending.via, ST_CLOSED, ending.event,
	     ending.likely, false, sight);
}

static bool look_up_ghost(int diag, uint64_t ref, enum call call)
{
	struct sight sight = { .call = call };
	struct sock *sock = sock_of(ref);
	struct diag_row row;
	uint64_t word;
	int found;

	if (!sock_load(ref, &word))
		return false;
	if (sock_state(word) == ST_CLOSED)
		return true;
	if (word & SOCK_ELSEWHERE)
		return false;
	found = diag_find_with(diag, &sock->local, &sock->peer, &row);
	if (found < 0)
		return false;
	if (found == 0 || row.cookie != sock->cookie) {
		bury(ref, word, found == 1 && row.peer.port == sock->peer.port,
		     &sight);
		return true;
	}
	/*
	 * Somebody holds it: a thread or a process with a table of descriptors
	 * of its own. The close ended nothing, and the rest is its story.
	 */
	if (row.inode != 0) {
		sock_flag(ref, SOCK_SILENT_GHOST, 0);
		return false;
	}
	if (row.state != sock_state(word))
		walk(sock->fd, ref, &word,
		     via_state(sock, sock_state(word), row.state, &sight),
		     row.state, EVENT_NONE, false, false, &sight);
	return row.state == ST_CLOSED;
}

bool observe_ghost(uint64_t ref, enum call call)
{
	uint64_t mask;
	bool gone;
	int diag;

	if (process_sandboxed())
		return true;
	mask = raw_block_signals();
	diag = diag_open();
	gone = look_up_ghost(diag, ref, call);
	if (diag >= 0)
		raw_close(diag);
	raw_restore_signals(mask);
	return gone;
}

void observe_ghosts(enum call call, uint16_t port)
{
	bool asked = false;
	uint64_t mask = 0;
	int diag = -1;

	if (process_sandboxed())
		return;
	for (unsigned int slot = 0; slot < ghost_end(); slot++) {
		uint64_t ref = ghost_at(slot);
		uint64_t word;

		if (!ref || !sock_load(ref, &word) ||
		    word & SOCK_SILENT_GHOST ||
		    (port != 0 && sock_of(ref)->local.port != port))
			continue;
		if (!asked) {
			asked = true;
			mask = raw_block_signals();
			diag = diag_open();
		}
		if (look_up_ghost(diag, ref, call))
			ghost_forget(slot, ref);
	}
	if (diag >= 0)
		raw_close(diag);
	if (asked)
		raw_restore_signals(mask);
}

void observe_leaving_network(enum call call)
{
	observe_ghosts(call, 0);
}

void observe_left_network(void)
{
	int highest = table_highest();

	for (int fd = 0; fd <= highest; fd++) {
		uint64_t ref = table_find(fd);

		if (ref)
			sock_flag(ref, SOCK_ELSEWHERE, 0);
	}
	for (unsigned int slot = 0; slot < ghost_end(); slot++) {
		uint64_t ref = ghost_at(slot);

		if (ref)
			sock_flag(ref, SOCK_ELSEWHERE, 0);
	}
	feed_network();
}
