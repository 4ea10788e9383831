#include "shim/observe.h"

#include <poll.h>
#include <sys/socket.h>

#include "kernel/borrow.h"
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
#include "shim/steps.h"

/* The kernel keeps TIME_WAIT for 60 s (TCP_TIMEWAIT_LEN), in milliseconds. */
enum { TIME_WAIT_MS = 60000 };

/* Does a connection of which TCP_INFO says CLOSED, after our FIN, wait? */
static bool is_waiting(int fd, const struct sock *sock)
{
	struct diag_row row;

	/* Where no lookup reaches: a reset leaves an error to be read. */
	if (atomic_load(&sock->word) & SOCK_ELSEWHERE)
		return !(kernel_socket_events(fd) & POLLERR);
	return diag_find(&sock->local, &sock->peer, &row) == 1 &&
	       row.cookie == sock->cookie && row.state == ST_TIME_WAIT;
}

/*
 * What the kernel's state means for this socket. TCP_INFO says CLOSED of a
 * descriptor in TIME_WAIT; where our FIN is out, sock_diag tells which it is.
 */
static enum tcp_state refine(int fd, const struct sock *sock,
			     enum tcp_state shadow, enum tcp_state kernel,
			     const struct sight *sight)
{
	bool elsewhere = atomic_load(&sock->word) & SOCK_ELSEWHERE;

	if (kernel != ST_CLOSED)
		return kernel;
	switch (shadow) {
	case ST_TIME_WAIT:
		return ST_TIME_WAIT;
	case ST_ESTABLISHED:
		/* Who has sent our FIN, and when, is not known. */
		if (elsewhere)
			return kernel;
		__attribute__((fallthrough));
	case ST_FIN_WAIT_1:
	case ST_FIN_WAIT_2:
	case ST_CLOSING:
		if (elsewhere && steps_event(sight->error) != EVENT_NONE)
			return kernel;
		return is_waiting(fd, sock) ? ST_TIME_WAIT : kernel;
	default:
		return kernel;
	}
}

/* What the result alone shows, without the kernel's word. */
static enum tcp_state implied(uint64_t word, const struct sight *sight)
{
	enum call_kind kind = call_kind(sight->call);
	enum tcp_state shadow = sock_state(word);

	if (steps_event(sight->error) != EVENT_NONE)
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

bool observe_is_shared(const struct sock *sock, uint64_t word)
{
	return word & SOCK_PASSED || sock->epoch < process_epoch();
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
	enum tcp_event event = steps_event(steps_error(sight));
	struct sock *sock = sock_of(ref);
	enum tcp_state via = steps_via(sock, from, to, sight);
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
		sock_set(sock, role, ROLE_ACTIVE);
	if (to == ST_CLOSED && event != EVENT_ABORT &&
	    (from == ST_CLOSE_WAIT || via == ST_CLOSE_WAIT))
		sigpipe_confirmed(fd, ref, sight);
	if (steps_walk(fd, ref, &word, via, to, event, likely, false, sight) &&
	    from == ST_SYN_SENT && to == ST_CLOSED &&
	    steps_event(sight->error) == EVENT_NONE)
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

	rule_check_close_wait(sight->call);
	for (int i = 0; i < TRIES; i++) {
		bool retrying = false;
		enum tcp_state kernel;
		enum tcp_state to;
		uint64_t word;

		if (!sock_load(ref, &word))
			return;
		sock_set(sock, touched, process_epoch());
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
			to = refine(fd, sock, sock_state(word), kernel, sight);
		}
		if (to == sock_state(word)) {
			if (word & SOCK_ERROR_UNREAD &&
			    steps_event(sight->error) != EVENT_NONE)
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

	rule_check_close_wait(sight->call);
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
		if (from == to || steps_walk(fd, ref, &word, ST_UNKNOWN, to,
					     event, false, true, sight))
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
	       (atomic_load(&sock->word) & SOCK_ELSEWHERE ||
		!is_waiting(fd, sock)) &&
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
	steps_walk(sock->fd, ref, &word, ending.via, ST_CLOSED, ending.event,
		   ending.likely, false, sight);
}

/* A ghost, and what the kernel has said of it. */
struct glance {
	uint64_t ref;
	uint64_t word; /* as it was before the kernel was asked */
	unsigned int slot;
	int found; /* and if so */
	uint64_t cookie;
	uint32_t inode;
	uint16_t peer_port;
	enum tcp_state state;
};

/* diag: diag_open's, -1: one of its own. */
static void ask(struct glance *glance, int diag)
{
	const struct sock *sock = sock_of(glance->ref);
	struct diag_row row = { .cookie = 0 };

	glance->found = diag < 0 ? diag_find(&sock->local, &sock->peer, &row)
				 : diag_find_with(diag, &sock->local,
						  &sock->peer, &row);
	glance->cookie = row.cookie;
	glance->inode = row.inode;
	glance->peer_port = row.peer.port;
	glance->state = row.state;
}

/* What has been said of a ghost is told. True: the kernel has it no more. */
static bool settle_ghost(const struct glance *glance, enum call call)
{
	struct sight sight = { .call = call };
	struct sock *sock = sock_of(glance->ref);
	uint64_t word = glance->word;

	if (sock_state(word) == ST_CLOSED)
		return true;
	if (word & SOCK_ELSEWHERE || glance->found < 0)
		return false;
	if (glance->found == 0 || glance->cookie != sock->cookie) {
		bury(glance->ref, word,
		     glance->found == 1 && glance->peer_port == sock->peer.port,
		     &sight);
		return true;
	}
	/*
	 * Somebody holds it: a thread or a process with a table of descriptors
	 * of its own. The close ended nothing, and the rest is its story.
	 */
	if (glance->inode != 0) {
		sock_flag(glance->ref, SOCK_SILENT_GHOST, 0);
		return false;
	}
	if (glance->state != sock_state(word))
		steps_walk(sock->fd, glance->ref, &word,
			   steps_via(sock, sock_state(word), glance->state,
				     &sight),
			   glance->state, EVENT_NONE, false, false, &sight);
	return glance->state == ST_CLOSED;
}

bool observe_ghost(uint64_t ref, enum call call)
{
	struct glance glance = { .ref = ref };

	if (process_sandboxed())
		return true;
	if (!sock_load(ref, &glance.word))
		return false;
	ask(&glance, -1);
	return settle_ghost(&glance, call);
}

/* Several by one descriptor, which is not held while they are told. */
static void settle_ghosts(struct glance *glances, unsigned int count,
			  enum call call)
{
	uint64_t mask;
	int diag;

	if (count == 0)
		return;
	mask = borrow_begin();
	diag = diag_open();
	for (unsigned int i = 0; i < count; i++) {
		if (diag < 0)
			glances[i].found = diag;
		else
			ask(&glances[i], diag);
	}
	if (diag >= 0)
		raw_close(diag);
	borrow_end(mask);
	for (unsigned int i = 0; i < count; i++) {
		if (settle_ghost(&glances[i], call))
			ghost_forget(glances[i].slot, glances[i].ref);
	}
}

void observe_ghosts(enum call call, uint16_t port)
{
	enum { AT_ONCE = 32 };
	struct glance glances[AT_ONCE];
	unsigned int count = 0;

	if (process_sandboxed())
		return;
	for (unsigned int slot = 0; slot < ghost_end(); slot++) {
		struct glance *glance = &glances[count];

		glance->slot = slot;
		glance->ref = ghost_at(slot);
		if (!glance->ref || !sock_load(glance->ref, &glance->word) ||
		    glance->word & SOCK_SILENT_GHOST ||
		    (port != 0 && sock_of(glance->ref)->local.port != port))
			continue;
		if (++count == AT_ONCE) {
			settle_ghosts(glances, count, call);
			count = 0;
		}
	}
	settle_ghosts(glances, count, call);
}

/* A child that runs on its parent's memory takes nobody along. */
void observe_leaving_network(enum call call)
{
	if (process_owns_memory())
		observe_ghosts(call, 0);
}

void observe_left_network(void)
{
	int highest = table_highest();

	if (!process_owns_memory())
		return;
	observe_forget_network();
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
