/* Rules about how connections and descriptors end. */
#include <poll.h>
#include <string.h>

#include "kernel/socket.h"
#include "model/at_exit.h"
#include "shim/feed.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/settings.h"
#include "shim/stack.h"

/* When the oldest connection came into CLOSE_WAIT that is not yet judged. */
static _Atomic uint32_t close_wait_since;

/* When connections that nothing has happened to are looked at, and where on. */
static _Atomic uint32_t survey_due;
static _Atomic int survey_next;
static _Atomic bool survey_found; /* an end, in the round at hand */

/* How many connections have been accepted, for close-wait-leak. */
static _Atomic uint32_t accepted;

/* Passive closes of ours, for server-time-wait. */
static _Atomic uint32_t server_closes;

static void add_reset(struct scratch *scratch, const struct sock *sock,
		      enum tcp_state from, const char *when)
{
	text_add_number(&scratch->message, sock->unread);
	text_add(&scratch->message,
		 sock->unread == 1 ? " byte was" : " bytes were");
	text_add(&scratch->message, " not read before ");
	text_add(&scratch->message, when);
	text_add(&scratch->message, " a reset, and ");
	text_add(&scratch->message,
		 from == ST_CLOSE_WAIT || from == ST_LAST_ACK ||
				 from == ST_CLOSING
			 ? "the peer, which has closed already, loses "
			   "something only if it still reads"
			 : "the peer may lose what it has not yet read");
	text_add(&scratch->help,
		 "read until end of file before close(), or shutdown(SHUT_WR) "
		 "and read the rest");
}

static void say_reset(int fd, uint64_t ref, enum tcp_state from,
		      const struct sight *sight)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, fd);
	struct report report;

	if (!report_begin(&report, RULE_RESET_ON_CLOSE, &subject, sight->place))
		return;
	add_reset(report.scratch, sock, from, "the close: the kernel sent");
	report_end(&report);
}

static void say_linger(int fd, uint64_t ref, const struct sight *sight)
{
	struct subject subject = report_subject(sock_of(ref), fd);

	report_plain(RULE_LINGER_RESET, &subject, sight->place,
		     "SO_LINGER with time 0 made this close a reset: the peer "
		     "gets ECONNRESET, and may lose what it has not yet read",
		     "leave SO_LINGER alone, unless the reset is meant");
}

/* A server that closes first keeps TIME_WAIT on its own port, every time. */
static void count_server_close(int fd, uint64_t ref, const struct sight *sight)
{
	enum { OFTEN = 10 };
	struct subject subject;

	if (atomic_fetch_add(&server_closes, 1) != OFTEN - 1)
		return;
	subject = report_subject(sock_of(ref), fd);
	report_plain(RULE_SERVER_TIME_WAIT, &subject, sight->place,
		     "this server has closed 10 connections before its clients "
		     "did: each stays in TIME_WAIT here for 60 s",
		     "let the client close first where the protocol allows it; "
		     "set SO_REUSEADDR on the listener");
}

void rule_closed(int fd, uint64_t ref, uint64_t word, enum tcp_event event,
		 const struct sight *sight)
{
	const struct sock *sock = sock_of(ref);
	enum tcp_state from = sock_state(word);

	if (process_sandboxed() || word & SOCK_REPAIR)
		return;
	if (event == EVENT_ABORT && sock->unread > 0) {
		if (!(word & SOCK_ONLY_ALERTS))
			say_reset(fd, ref, from, sight);
	} else if (event == EVENT_ABORT && word & SOCK_LINGER_RESET)
		say_linger(fd, ref, sight);
	else if (sock->role == ROLE_PASSIVE &&
		 (from == ST_ESTABLISHED || from == ST_FIN_WAIT_1 ||
		  from == ST_FIN_WAIT_2 || from == ST_TIME_WAIT))
		count_server_close(fd, ref, sight);
}

static void say_leak(int fd, uint64_t ref, const char *when)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, fd);
	struct report report;

	/* The place to blame is where the connection came from. */
	if (!report_begin_at(&report, RULE_CLOSE_WAIT_LEAK, &subject,
			     sock->born))
		return;
	text_add(&report.scratch->message, AT_EXIT_LEAK);
	text_add(&report.scratch->message, when);
	text_add(&report.scratch->details,
		 report.stack ? "the connection was made there, and has been "
			      : "it has been ");
	text_add(&report.scratch->details, "in CLOSE_WAIT for ");
	text_add_number(&report.scratch->details,
			clock_now() - sock->peer_closed_at);
	text_add(&report.scratch->details, " ms\n");
	text_add(&report.scratch->help, AT_EXIT_LEAK_HELP);
	report_end(&report);
}

/*
 * For how long nothing has happened to a connection in CLOSE_WAIT, in ms. What
 * the program has never read again we have only just learned to be there: then
 * the kernel knows for how long it has been.
 */
static uint32_t neglected_for(int fd, uint64_t ref)
{
	struct sock *sock = sock_of(ref);
	uint32_t now = clock_now();
	uint32_t closed = now - sock->peer_closed_at;
	uint32_t heard = 0;
	uint32_t sent = 0;

	kernel_socket_since(fd, &sent, &heard);
	if (heard > closed && heard != now) {
		closed = heard;
		sock_set(sock, peer_closed_at, now - heard);
	}
	/* A half-close that is honoured: the answer is still on its way. */
	return sent < closed ? sent : closed;
}

/*
 * At the end: only a program that has seen the peer's, or had time to, can have
 * forgotten to close.
 */
static bool is_forgotten(int fd, uint64_t ref)
{
	uint64_t word;

	if (!sock_load(ref, &word) || sock_state(word) != ST_CLOSE_WAIT)
		return false;
	return word & SOCK_SAW_END ||
	       neglected_for(fd, ref) >= settings.close_wait;
}

/* What the program has made itself, and not closed. */
static void say_left_open(int fd, uint64_t ref, uint64_t word)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, fd);
	struct report report;

	/* The place to blame is where the socket came from. */
	if (!sock->born ||
	    !report_begin_at(&report, RULE_LEFT_OPEN, &subject, sock->born))
		return;
	text_add(&report.scratch->message, AT_EXIT_LEFT_OPEN);
	text_add(&report.scratch->message, state_name(sock_state(word)));
	text_add(&report.scratch->details, "the socket was made there\n");
	text_add(&report.scratch->help, AT_EXIT_LEFT_OPEN_HELP);
	report_end(&report);
}

/*
 * A client that ends with its input, and the child that a forking server has
 * for one connection, leave the close() to exit(): what ended a moment ago,
 * with no connection accepted since, is not forgotten.
 */
static bool is_left_to_exit(uint64_t ref)
{
	const struct sock *sock = sock_of(ref);
	uint32_t waited = clock_now() - sock->peer_closed_at;

	return sock->accepted_before == atomic_load(&accepted) &&
	       waited < AT_EXIT_MOMENT && waited < settings.close_wait;
}

/*
 * The end of the process closes what is open. What another process may hold
 * lives on, as far as we know.
 */
static void check_unread_at_exit(int fd, uint64_t ref)
{
	struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, fd);
	struct report report;
	uint64_t word;
	long unread;

	/* Of two numbers of one socket the first has told. */
	if (!sock_load(ref, &word) || word & (SOCK_PASSED | SOCK_REPAIR) ||
	    sock->epoch < process_epoch() || sock->unread > 0 ||
	    (sock_state(word) != ST_ESTABLISHED &&
	     sock_state(word) != ST_CLOSE_WAIT))
		return;
	unread = kernel_socket_unread(fd);
	if (unread <= 0)
		return;
	sock_set(sock, unread, (int)unread);
	feed_unread(sock->cookie, (uint32_t)unread);
	if (kernel_socket_only_alerts(fd, unread) ||
	    /* The place to blame is where the socket came from. */
	    !report_begin_at(&report, RULE_RESET_ON_CLOSE, &subject,
			     sock->born))
		return;
	add_reset(report.scratch, sock, sock_state(word),
		  "the end of the program: the exit sends");
	if (sock->born)
		text_add(&report.scratch->details,
			 "the connection was made there\n");
	report_end(&report);
}

void rule_open_at_exit(int fd, uint64_t ref, bool looked)
{
	uint64_t word;

	/* What was told while the program ran is not told again. */
	if (process_sandboxed() || !sock_load(ref, &word) ||
	    word & SOCK_LEAK_SAID)
		return;
	if (looked)
		check_unread_at_exit(fd, ref);
	if (is_forgotten(fd, ref) && !is_left_to_exit(ref)) {
		say_leak(fd, ref, "at its end");
		return;
	}
	rule_shared_at_exit(fd, ref, looked);
	if (settings.left_open && !(word & SOCK_INHERITED))
		say_left_open(fd, ref, word);
}

/*
 * Looks at some of the connections that the program leaves alone: a FIN may
 * have come that no call has met. True when all have had their turn, about once
 * in the time after which a leak is one, and one has come: then those that are
 * in CLOSE_WAIT are judged, once for all. Until then a call takes a
 * millisecond.
 */
static bool survey(enum call call, uint32_t now)
{
	/* An end takes as long as so many more looks. */
	enum { LOOKS_MAX = 1024, END = 7, LEAST = 1000 };
	uint32_t interval = settings.close_wait;
	/* No result: it is of another socket. */
	struct sight sight = { .call = call, .result = 1 };
	uint32_t due = atomic_load(&survey_due);
	int highest = table_highest();
	int looks = 0;
	int fd;

	/* Of several threads one looks. The first interval begins now. */
	interval = interval > LEAST ? interval : LEAST;
	if ((due != 0 && (int32_t)(now - due) < 0) || process_sandboxed() ||
	    !atomic_compare_exchange_strong(&survey_due, &due,
					    now + interval) ||
	    due == 0)
		return false;
	for (fd = atomic_load(&survey_next); fd <= highest; fd++) {
		uint64_t ref = table_find(fd);
		uint64_t word;

		if (looks >= LOOKS_MAX)
			break;
		if (!ref || !sock_load(ref, &word) ||
		    sock_of(ref)->touched < process_born() ||
		    sock_state(word) != ST_ESTABLISHED || word & SOCK_SHUT_READ)
			continue;
		looks++;
		if (!(kernel_socket_events(fd) & POLLRDHUP))
			continue;
		observe(fd, ref, &sight);
		atomic_store(&survey_found, true);
		looks += END;
	}
	atomic_store(&survey_next, fd <= highest ? fd : 0);
	if (fd <= highest) {
		atomic_store(&survey_due, now);
		return false;
	}
	return atomic_exchange(&survey_found, false);
}

void rule_check_close_wait(enum call call)
{
	uint32_t limit = settings.close_wait;
	uint32_t now = clock_now();
	uint32_t oldest = 0;
	uint32_t since;
	int highest;
	bool found;

	/*
	 * At the end all are looked at (rule_open_at_exit), and before the
	 * start it is not known for how long one may be left.
	 */
	if (call == CALL_NONE || !process_started())
		return;
	found = survey(call, now);
	since = atomic_load(&close_wait_since);
	/* Of several threads one looks, and begins the next interval. */
	if (since == 0 || (!found && now - since < limit) ||
	    process_sandboxed() ||
	    !atomic_compare_exchange_strong(&close_wait_since, &since, 0))
		return;
	highest = table_highest();
	for (int fd = 0; fd <= highest; fd++) {
		uint64_t ref = table_find(fd);
		uint32_t neglected;
		uint64_t word;

		if (!ref || !sock_load(ref, &word) ||
		    sock_of(ref)->touched < process_born() ||
		    sock_state(word) != ST_CLOSE_WAIT || word & SOCK_LEAK_SAID)
			continue;
		neglected = neglected_for(fd, ref);
		if (neglected < limit) {
			if (neglected >= oldest)
				oldest = neglected + 1;
			continue;
		}
		sock_flag(ref, SOCK_LEAK_SAID, 0);
		say_leak(fd, ref, "for too long");
	}
	since = 0;
	if (oldest)
		atomic_compare_exchange_strong(&close_wait_since, &since,
					       now - oldest + 1);
}

void rule_peer_closed(void)
{
	uint32_t none = 0;

	atomic_compare_exchange_strong(&close_wait_since, &none, clock_now());
}

void rule_another_accepted(void)
{
	atomic_fetch_add(&accepted, 1);
}

void rule_saw_end(uint64_t ref)
{
	sock_set(sock_of(ref), accepted_before, atomic_load(&accepted));
	sock_flag(ref, SOCK_SAW_END, 0);
}

static void add_grave(struct text *text, uint64_t grave)
{
	const struct sock *sock = sock_of(grave);

	if (!sock_remembers(grave)) {
		text_add(text, "who closed it is no longer known\n");
		return;
	}
	text_add(text, "it was ");
	text_add_address(text, &sock->local);
	text_add(text, " ");
	text_add_address(text, &sock->peer);
	text_add(text, ", closed ");
	text_add_number(text, clock_now() - sock->closed_at);
	text_add(text, sock->closed_by ? " ms before by:\n" : " ms before\n");
	stack_add(text, "  ", sock->closed_by);
}

void rule_closed_number(int fd, uint64_t grave, enum call call,
			const void *place)
{
	bool closes = call_kind(call) == KIND_CLOSE;
	struct subject subject = report_process();
	struct report report;

	if (process_sandboxed() ||
	    !report_begin(&report,
			  closes ? RULE_DOUBLE_CLOSE : RULE_USE_AFTER_CLOSE,
			  &subject, place))
		return;
	text_add(&report.scratch->message, call_name(call));
	text_add(&report.scratch->message, "() of fd ");
	text_add_number(&report.scratch->message, fd);
	text_add(&report.scratch->message,
		 closes ? ", a socket that was closed before"
			: ", a socket that has been closed");
	add_grave(&report.scratch->details, grave);
	text_add(
		&report.scratch->help,
		"the number may belong to another thread's socket by then: set "
		"the variable to -1 when closing");
	report_end(&report);
}
