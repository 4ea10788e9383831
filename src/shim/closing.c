#include "shim/closing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernel/diag.h"
#include "kernel/raw.h"
#include "kernel/socket.h"
#include "shim/feed.h"
#include "shim/blind.h"
#include "shim/ends.h"
#include "shim/lifecycle.h"
#include "shim/process.h"
#include "shim/real.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/settings.h"
#include "shim/stack.h"

/*
 * A call of another thread that is under way keeps the socket too. A listener
 * is worth the question: it would go on taking connections.
 */
static bool may_live_on(const struct sock *sock, uint64_t word)
{
	return observe_is_shared(sock, word) ||
	       (sock_state(word) == ST_LISTEN && !real_is_single_threaded());
}

static int look_up(const struct sock *sock, enum tcp_state state,
		   struct diag_row *row)
{
	struct address nobody = { .family = sock->local.family };

	return diag_find(&sock->local,
			 state == ST_LISTEN ? &nobody : &sock->peer, row);
}

/*
 * After the close of a shared socket: does somebody else hold it? The kernel
 * knows by the inode. Of several listeners on one port (SO_REUSEPORT) it may
 * show another one; then nothing is claimed.
 */
static bool lives_on(const struct sock *sock, uint64_t word, uint32_t *inode)
{
	enum tcp_state state = sock_state(word);
	struct diag_row row;
	int found;

	if (state == ST_CLOSED || state == ST_TIME_WAIT)
		return false;
	if (process_sandboxed() || word & SOCK_ELSEWHERE)
		return true;
	found = look_up(sock, state, &row);
	/* What cannot be asked is not said to have ended. */
	if (found != 1)
		return found < 0;
	if (row.cookie != sock->cookie)
		return state == ST_LISTEN && row.state == ST_LISTEN;
	*inode = row.inode;
	return row.inode != 0;
}

/* The step that tcp_close() makes (net/ipv4/tcp.c). */
static enum tcp_state closed_state(const struct sock *sock, uint64_t word,
				   enum tcp_event *event)
{
	enum tcp_state state = sock_state(word);
	bool reset = sock->unread > 0 ||
		     word & (SOCK_LINGER_RESET | SOCK_REPAIR);

	*event = EVENT_CLOSE;
	switch (state) {
	case ST_LISTEN:
	case ST_SYN_SENT:
		return ST_CLOSED;
	case ST_CLOSED:
	case ST_TIME_WAIT:
	case ST_UNKNOWN:
		return state;
	default:
		break;
	}
	if (reset) {
		*event = EVENT_ABORT;
		return ST_CLOSED;
	}
	if (state == ST_ESTABLISHED || state == ST_SYN_RCVD)
		return ST_FIN_WAIT_1;
	if (state == ST_CLOSE_WAIT)
		return ST_LAST_ACK;
	return state;
}

static bool has_queue(enum tcp_state state)
{
	return state != ST_CLOSED && state != ST_LISTEN &&
	       state != ST_SYN_SENT && state != ST_TIME_WAIT;
}

/* Another descriptor of this process keeps the socket: is it ever used? */
static void closed_one(int fd, uint64_t ref, const struct sight *sight)
{
	struct sock *sock = sock_of(ref);

	if (process_sandboxed() ||
	    (sight->call != CALL_close && sight->call != CALL_fclose))
		return;
	sock_set(sock, closed_at, clock_now());
	sock_set(sock, closed_by, stack_brief(sight->place));
	sock_set(sock, data, kernel_socket_data(fd));
	sock_flag(ref, SOCK_CLOSED_ONE, 0);
}

static bool peer_has_closed(const struct sock *sock, enum tcp_state state)
{
	return sock->peer_closed_at != 0 || state == ST_CLOSE_WAIT ||
	       state == ST_CLOSING || state == ST_LAST_ACK ||
	       state == ST_TIME_WAIT;
}

void closing_look(int fd, uint64_t ref, const struct sight *sight)
{
	struct kernel_counters counters = { .known = false };
	uint64_t word;

	observe_counters(fd, ref, sight, settings.counters ? &counters : NULL);
	if (!counters.known)
		return;
	/* What is counted is the program's: the FIN is not. */
	if (counters.received > 0 && sock_load(ref, &word) &&
	    peer_has_closed(sock_of(ref), sock_state(word)))
		counters.received--;
	feed_counters(sock_of(ref)->cookie, &counters);
}

/*
 * The common ends, by one poll() instead of three calls: an open connection on
 * which nothing has happened, or which the peer has closed; and one that has
 * been read to its end, and still stands. Not where the number may lead
 * elsewhere, nor where the counters are wanted. False: not seen.
 */
static bool sees_common_end(int fd, uint64_t ref, uint64_t word,
			    const struct sight *sight)
{
	enum tcp_state state = sock_state(word);
	struct sock *sock = sock_of(ref);
	short events;

	if (word & (SOCK_PASSED | SOCK_COPIED | SOCK_REPAIR) ||
	    blind_to_closes() || process_sandboxed() || settings.counters)
		return false;
	if (state == ST_ESTABLISHED
		    ? word & SOCK_SHUT_READ || seen_low_water()
		    : state != ST_CLOSE_WAIT || !(word & SOCK_SAW_END))
		return false;
	events = kernel_socket_events(fd);
	if (events & ~(POLLIN | POLLRDHUP))
		return false;
	sock_set(sock, touched, process_epoch());
	if (state == ST_CLOSE_WAIT)
		return true;
	if (events & POLLRDHUP &&
	    (observe_is_shared(sock, word) ||
	     !observe_shown(fd, ref, ST_CLOSE_WAIT, sight)))
		return false;
	if (events & POLLIN)
		sock_set(sock, unread, (int)kernel_socket_unread(fd));
	return true;
}

/* A stream writes what it still holds first. */
static bool closes_stream(enum call call)
{
	return call == CALL_fclose || call == CALL_freopen ||
	       call == CALL_freopen64;
}

/*
 * The error of a connection that is gone tells whether the peer's FIN had come
 * before the reset. Asking takes it away, and a write that comes after raises
 * SIGPIPE: only where nothing does, this is the last descriptor, and nobody
 * else can be about to be told, no other thread and no ring of the kernel's.
 */
static int last_error(int fd, const struct sock *sock, uint64_t word,
		      enum call call)
{
	if (closes_stream(call) || blind_to_closes() || process_sandboxed() ||
	    !real_is_single_threaded() || word & SOCK_COPIED ||
	    observe_is_shared(sock, word) ||
	    (sock_state(word) != ST_ESTABLISHED &&
	     sock_state(word) != ST_SYN_SENT) ||
	    !(kernel_socket_events(fd) & POLLERR) ||
	    kernel_socket_cookie(fd) != sock->cookie)
		return 0;
	return kernel_socket_option(fd, SOL_SOCKET, SO_ERROR);
}

static void look_before_close(int fd, uint64_t ref, const struct sight *sight)
{
	struct sock *sock = sock_of(ref);
	struct sight seen = *sight;
	uint64_t word;

	sock_set(sock, unread, 0);
	sock_set(sock, fd, fd);
	if (!sock_load(ref, &word))
		return;
	/* Another process may have set it. */
	if (!process_sandboxed() && observe_is_shared(sock, word) &&
	    kernel_socket_resets(fd))
		sock_flag(ref, SOCK_LINGER_RESET, 0);
	if (sees_common_end(fd, ref, word, sight))
		return;
	seen.pending = last_error(fd, sock, word, sight->call);
	closing_look(fd, ref, &seen);
	/* In TCP_REPAIR the kernel throws all away, and sends nothing. */
	if (process_sandboxed() || !sock_load(ref, &word) || word & SOCK_REPAIR)
		return;
	if (sock_state(word) == ST_SYN_RCVD && !observe_is_shared(sock, word))
		sock_set(sock, unread, (int)kernel_socket_unread_early(fd));
	else if (has_queue(sock_state(word)))
		sock_set(sock, unread, (int)kernel_socket_unread(fd));
}

/* The close throws away what waits: is it worth a word? */
static void judge_unread(int fd, uint64_t ref)
{
	uint64_t word;

	/* Whoever shares it may have read what is looked for. */
	if (sock_load(ref, &word) && !observe_is_shared(sock_of(ref), word) &&
	    kernel_socket_only_alerts(fd, sock_of(ref)->unread))
		sock_flag(ref, SOCK_ONLY_ALERTS, 0);
	else
		sock_flag(ref, 0, SOCK_ONLY_ALERTS);
}

uint64_t closing_begin(int fd, const struct sight *sight)
{
	uint64_t ref = table_find(fd);

	if (!ref || !process_owns_memory())
		return 0;
	if (atomic_load(&sock_of(ref)->references) == 1) {
		feed_prepare();
		ends_prepare();
		ghost_prepare();
		look_before_close(fd, ref, sight);
		if (sock_of(ref)->unread > 0)
			judge_unread(fd, ref);
	}
	if (!table_swap(fd, ref, ref | TABLE_CLOSING))
		return 0;
	if (sock_release(ref))
		return ref;
	closed_one(fd, ref, sight);
	return CLOSING_COPY;
}

/* A number that is open may be above a limit that was lowered since. */
static bool may_be_given(int fd)
{
	struct rlimit limit;

	return raw_call6(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0,
			 0) == 0 &&
	       (rlim_t)fd < limit.rlim_cur;
}

uint64_t closing_begin_replaced(int from, int to, const struct sight *sight)
{
	if (from == to || !table_find(to) || process_sandboxed() ||
	    raw_call3(SYS_fcntl, from, F_GETFD, 0) < 0 || !may_be_given(to))
		return 0;
	return closing_begin(to, sight);
}

/* The socket of a number that is being closed and is not its last; or 0. */
static uint64_t hold_copy(int fd)
{
	uint64_t entry = table_entry(fd);
	uint64_t ref = entry & ~TABLE_CLOSING;

	return table_is_closing(entry) && sock_hold(ref) ? ref : 0;
}

void closing_undo(int fd, uint64_t ref)
{
	struct sight sight = { .call = CALL_NONE };

	if (ref == 0)
		return;
	if (ref == CLOSING_COPY)
		ref = hold_copy(fd);
	else if (!sock_revive(ref))
		ref = 0;
	if (!ref)
		table_vacate(fd);
	else if (!table_swap(fd, ref | TABLE_CLOSING, ref))
		/* Another thread has been given the number meanwhile. */
		observe_replaced(ref, &sight);
}

void closing_end(int fd, uint64_t ref, const struct sight *sight)
{
	struct sock *sock = sock_of(ref);
	struct sight closing = *sight;
	enum tcp_event event;
	enum tcp_state to;
	uint32_t inode = 0;
	uint64_t word;

	if (ref == 0)
		return;
	table_vacate(fd);
	if (ref == CLOSING_COPY || !sock_load(ref, &word))
		return;
	closing.closes = true;
	sock_set(sock, closed_at, clock_now());
	sock_set(sock, closed_by, stack_brief(sight->place));
	if (may_live_on(sock, word) && lives_on(sock, word, &inode)) {
		feed_closed(sock->cookie, sock->closed_by);
		/* Else it is a call of this process, which has no number. */
		if (inode != 0 && observe_is_shared(sock, word))
			rule_still_held(fd, ref, inode, sight);
		feed_released(sock->cookie);
		sock_flag(ref, SOCK_SILENT_GHOST, 0);
		ends_add(sock);
		ghost_add(ref);
		return;
	}
	if (call_kind(sight->call) == KIND_CLOSE &&
	    sight->call != CALL_freopen && sight->call != CALL_freopen64)
		table_bury(fd, ref);
	to = closed_state(sock, word, &event);
	rule_closed(fd, ref, word, event, sight);
	while (!observe_step(fd, ref, sock_state(word), to, event, &closing)) {
		/* A call that began before the close has seen more. */
		if (!sock_load(ref, &word))
			return;
		to = closed_state(sock, word, &event);
	}
	if (to == sock_state(word))
		feed_closed(sock->cookie, sock->closed_by);
	if (to == ST_CLOSED) {
		sock_free(ref);
		return;
	}
	ends_add(sock);
	ghost_add(ref);
}

/* Far from every number. */
_Atomic int closing_last = -8;
_Atomic int closing_before = -8;

/*
 * A loop over all numbers, as demons have it, closes what is closed already and
 * means nothing by it. It comes from the neighbour, and to that from the next
 * one, with one between them that it leaves open, or it has begun behind
 * standard error: two sockets that were made one after the other are neighbours
 * as well.
 */
static bool in_a_loop(int fd)
{
	long last = atomic_load(&closing_last);
	long before = atomic_load(&closing_before);
	long step = fd > last ? fd - last : last - fd;
	long way = fd > last ? fd - before : before - fd;

	if (step < 1 || step > 2)
		return false;
	return (way > step && way <= 3) ||
	       (last == STDERR_FILENO + 1 && fd > last && before != fd);
}

/*
 * What its parent closed before the fork a child closes again that rids itself
 * of all that it may have inherited, and where that begins does not show.
 */
static bool closed_by_parent(uint64_t ref)
{
	return process_born() > 0 &&
	       (!sock_remembers(ref) || sock_of(ref)->touched < process_born());
}

uint64_t closing_visit(int fd, uint64_t entry, enum call call,
		       const void *place)
{
	uint64_t ref = entry & ~TABLE_GRAVE;
	enum kernel_kind kind;

	if (table_is_closing(entry) || process_sandboxed() ||
	    !process_owns_memory())
		return 0;
	kind = kernel_socket_kind(fd);
	if (kind != KERNEL_CLOSED) {
		table_remove(fd, entry);
		return kind == KERNEL_OTHER ? 0 : observe_adopt(fd);
	}
	if (call_kind(call) != KIND_CLOSE ||
	    (!in_a_loop(fd) && !closed_by_parent(ref)))
		rule_closed_number(fd, ref, call, place);
	return 0;
}

/* An older kernel has no close_range(), and a sandbox around may forbid it. */
static bool may_close_ranges(const struct sight *sight)
{
	return sight->call != CALL_close_range || process_sandboxed() ||
	       raw_call3(SYS_close_range, ~0U, ~0U, 0) == 0;
}

uint32_t closing_begin_range(unsigned int first, unsigned int last,
			     const struct sight *sight)
{
	uint32_t list = 0;
	int highest = table_highest();

	if (highest < 0 || first > (unsigned int)highest ||
	    !may_close_ranges(sight))
		return 0;
	if (last > (unsigned int)highest)
		last = (unsigned int)highest;
	for (unsigned int fd = first; fd <= last; fd++) {
		uint64_t ref = closing_begin((int)fd, sight);

		if (ref == 0 || ref == CLOSING_COPY)
			continue;
		sock_set(sock_of(ref), next, list);
		list = sock_index(ref);
	}
	return list;
}

void closing_end_range(unsigned int first, unsigned int last, uint32_t list,
		       const struct sight *sight)
{
	int highest = table_highest();

	while (list) {
		uint64_t ref = sock_at(list);
		int fd = sock_of(ref)->fd;

		list = sock_of(ref)->next;
		if (sight->result < 0)
			closing_undo(fd, ref);
		else
			closing_end(fd, ref, sight);
	}
	/* Those that were not the last of their socket are in no list. */
	for (int64_t fd = first;
	     process_owns_memory() && fd <= last && fd <= highest; fd++) {
		if (sight->result < 0 && table_is_closing(table_entry((int)fd)))
			closing_undo((int)fd, CLOSING_COPY);
		else
			table_vacate((int)fd);
	}
}
