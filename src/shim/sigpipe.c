#include "shim/sigpipe.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "kernel/diag.h"
#include "kernel/raw.h"
#include "kernel/socket.h"
#include "shim/blind.h"
#include "shim/report.h"
#include "shim/stack.h"

#define SIGPIPE_BIT (1ULL << (SIGPIPE - 1))

/*
 * Has the disposition of SIGPIPE been looked at? Once a process for connections
 * that it has opened itself, and once for the others.
 */
static _Atomic bool client_checked;
static _Atomic bool server_checked;

static _Atomic bool *checked_for(const struct sock *sock)
{
	return sock->role == ROLE_ACTIVE ? &client_checked : &server_checked;
}

/* As the kernel has it (struct kernel_sigaction); only the handler is read. */
struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* Queried at the moment of danger: no wrapper of sigaction could be complete. */
static bool is_handled_by(void (*handler)(int))
{
	struct kernel_action action = { .handler = SIG_ERR };

	raw_call6(SYS_rt_sigaction, SIGPIPE, 0, (long)&action,
		  sizeof(action.mask), 0, 0);
	return action.handler == handler;
}

/*
 * Would the signal kill? Not the first process of a PID namespace, which most
 * containers run their program as: it is spared what it has not asked for
 * (SIGNAL_UNKILLABLE in kernel/signal.c).
 */
static bool is_deadly(void)
{
	return is_handled_by(SIG_DFL) && raw_getpid() != 1;
}

static bool is_blocked(void)
{
	uint64_t mask = 0;

	raw_call6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mask, sizeof(mask),
		  0, 0);
	return mask & SIGPIPE_BIT;
}

static void add_stack_of(struct text *text, const char *before, enum call call,
			 const char *after, stack_id stack)
{
	text_add(text, before);
	text_add(text, call_name(call));
	text_add(text, after);
	stack_add(text, "  ", stack);
}

/*
 * What would happen to the process if a peer went away: a server dies for all
 * its clients, a client as a rule for itself.
 */
static void check_unhandled(int fd, uint64_t ref, const void *place)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, fd);
	bool client = sock->role == ROLE_ACTIVE;

	if (atomic_exchange(checked_for(sock), true))
		return;
	if (!is_deadly() || is_blocked())
		return;
	/* Of a server it is said already. */
	atomic_store(&client_checked, true);
	report_plain(client ? RULE_SIGPIPE_CLIENT : RULE_SIGPIPE_UNHANDLED,
		     &subject, place,
		     "SIGPIPE has its default action: a write after the peer "
		     "has gone will kill this process without a message",
		     "signal(SIGPIPE, SIG_IGN) at the start, or send() with "
		     "MSG_NOSIGNAL; then handle EPIPE");
}

/*
 * Where the peer is on this machine the kernel knows its socket too. No process
 * holds it: it has closed both directions, this is no half-close.
 */
static bool peer_has_gone(const struct sock *sock, enum tcp_state *state)
{
	struct diag_row row;

	if (diag_find(&sock->peer, &sock->local, &row) != 1)
		return false;
	*state = row.state;
	return row.inode == 0 && row.peer.port == sock->local.port;
}

static const char help_doomed[] =
	"read() = 0 is how a peer's close shows: watch the socket (poll with "
	"POLLIN | POLLRDHUP) while waiting for other input, and stop writing";

/* Said before the write, where the kernel proves that nobody will read it. */
static void say_doomed(int fd, uint64_t ref, bool nosignal, const void *place,
		       enum tcp_state state)
{
	struct subject subject = report_subject(sock_of(ref), fd);
	struct report report;

	sock_flag(ref, SOCK_DOOM_SAID, 0);
	if (!report_begin(&report, RULE_WRITE_AFTER_PEER_CLOSE, &subject,
			  place))
		return;
	text_add(&report.scratch->message,
		 "this write goes to a peer that has closed: it will be "
		 "answered by a reset, and the next write ");
	text_add(&report.scratch->message, nosignal || is_handled_by(SIG_IGN)
						   ? "fails with EPIPE"
						   : "raises SIGPIPE");
	text_add(&report.scratch->details, "the peer's socket is in ");
	text_add(&report.scratch->details, state_name(state));
	text_add(&report.scratch->details,
		 " and no process holds it any more\n");
	text_add(&report.scratch->help, help_doomed);
	report_end(&report);
}

/* The first write after the peer's FIN: succeeds, and may earn a reset. */
static void write_in_close_wait(int fd, uint64_t ref, enum call call,
				bool nosignal, const void *place)
{
	struct sock *sock = sock_of(ref);
	enum tcp_state state = ST_UNKNOWN;

	sock_set(sock, doomed_write, stack_full(place));
	sock_set(sock, doomed_call, (uint8_t)call);
	sock_flag(ref, SOCK_DOOMED_WRITE, SOCK_LOOK_ON_WRITE);
	if (peer_has_gone(sock, &state))
		say_doomed(fd, ref, nosignal, place, state);
}

bool sigpipe_wants_look(uint64_t ref, bool nosignal)
{
	/* In looks: the later ones are 32 writes apart. */
	enum { QUICK = 64, CREDIT = 31, LONG_QUICK = 256, LONG_CREDIT = 255 };
	struct sock *sock = sock_of(ref);
	uint64_t word = atomic_load_explicit(&sock->word, memory_order_relaxed);
	uint32_t now = clock_now();
	uint32_t pause = now - atomic_load(&sock->last_write);

	sock_set(sock, last_write, now);
	sock_give_credit(sock, 0);
	sock_set(sock, quick,
		 pause < settings.silence / 4 ? sock->quick + 1 : 0);
	/* Who never wants the signal never needs its disposition looked at. */
	if (word & SOCK_LOOK_ON_WRITE || pause >= settings.silence ||
	    (!nosignal && !atomic_load(checked_for(sock))))
		return true;
	if (sock->quick >= QUICK && !process_sandboxed() &&
	    sock_state(word) == ST_ESTABLISHED)
		sock_give_credit(sock, sock->quick >= LONG_QUICK ? LONG_CREDIT
								 : CREDIT);
	return false;
}

/* Most silences mean nothing: one poll() shows it, for half of a full look. */
static bool still_stands(int fd, uint64_t ref)
{
	uint64_t word;

	if (!sock_load(ref, &word) || sock_state(word) != ST_ESTABLISHED ||
	    blind_to_closes() || kernel_socket_events(fd) & ~(POLLIN | POLLPRI))
		return false;
	sock_set(sock_of(ref), touched, process_epoch());
	return true;
}

void sigpipe_before_write(int fd, uint64_t ref, enum call call, bool nosignal,
			  const void *place)
{
	struct sight sight = { .call = call, .place = place };
	int saved = errno;
	uint64_t word;

	if (process_sandboxed() || !process_started())
		return;
	if (!still_stands(fd, ref))
		observe(fd, ref, &sight);
	/* A write that dies at once is sigpipe-death, not a risk. */
	if (!nosignal && sock_load(ref, &word) &&
	    sock_state(word) == ST_ESTABLISHED)
		check_unhandled(fd, ref, place);
	if (sock_load(ref, &word) && sock_state(word) == ST_CLOSE_WAIT &&
	    !(word & SOCK_DOOMED_WRITE))
		write_in_close_wait(fd, ref, call, nosignal, place);
	errno = saved;
}

void sigpipe_confirmed(int fd, uint64_t ref, const struct sight *sight)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, fd);
	struct report report;
	uint64_t word;

	if (!sock_load(ref, &word) || word & SOCK_DOOM_SAID)
		return;
	/* EPIPE, too, is the answer to an earlier write. */
	if (!(word & SOCK_DOOMED_WRITE) && sight->error != EPIPE)
		return;
	sock_flag(ref, SOCK_DOOM_SAID, 0);
	if (!report_begin(&report, RULE_WRITE_AFTER_PEER_CLOSE, &subject,
			  sight->place))
		return;
	text_add(&report.scratch->message,
		 "this connection was written to after the peer had closed it, "
		 "and the peer answered with a reset");
	if (word & SOCK_DOOMED_WRITE)
		add_stack_of(&report.scratch->details, "the first ",
			     sock->doomed_call, "() after the peer's close:\n",
			     sock->doomed_write);
	else
		text_add(&report.scratch->details,
			 "it was one of the writes shortly before this one\n");
	text_add(&report.scratch->help, help_doomed);
	report_end(&report);
}

static void add_reason(struct text *text, const struct sock *sock,
		       uint64_t word)
{
	/* Nor was the peer's close seen before: this write is what shows it. */
	if (word & SOCK_DOOM_SAID && !(word & SOCK_DOOMED_WRITE)) {
		text_add(text,
			 "the peer had closed, and answered an earlier "
			 "write with a reset: one of those shortly before "
			 "this one\n");
		return;
	}
	if (sock->peer_closed_at) {
		text_add(text, "the peer's close was seen ");
		text_add_number(text, clock_now() - sock->peer_closed_at);
		text_add(text, " ms before\n");
	}
	if (word & SOCK_DOOMED_WRITE)
		add_stack_of(text, "the earlier ", sock->doomed_call,
			     "() went to a peer that had closed, and was "
			     "answered by a reset:\n",
			     sock->doomed_write);
	else if (word & SOCK_SHUT_WRITE)
		text_add(text, "this side had ended its sending direction by "
			       "shutdown()\n");
	else if (sock->role == ROLE_NONE)
		text_add(text, "the socket was not connected\n");
	else
		text_add(text, "there was no connection when this write came: "
			       "it had ended, or was never made\n");
}

static void say_death(int fd, uint64_t ref, const struct sight *sight)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, fd);
	struct report report;
	uint64_t word;

	if (!sock_load(ref, &word) ||
	    !report_begin(&report, RULE_SIGPIPE_DEATH, &subject, sight->place))
		return;
	text_add(&report.scratch->message, "this ");
	text_add(&report.scratch->message, call_name(sight->call));
	text_add(&report.scratch->message,
		 "() raises SIGPIPE, which kills the process "
		 "(a shell shows status 141)");
	add_reason(&report.scratch->details, sock, word);
	text_add(&report.scratch->help,
		 "signal(SIGPIPE, SIG_IGN) at the start, or send() with "
		 "MSG_NOSIGNAL; then EPIPE is an error like any other");
	report_end(&report);
}

/*
 * EPIPE or ECONNRESET was returned before, and the program writes on: it does
 * not look at the results of its writes.
 */
static void check_ignored(int fd, uint64_t ref, const struct sight *sight)
{
	struct subject subject = report_subject(sock_of(ref), fd);
	uint64_t word;

	if (!sock_load(ref, &word))
		return;
	if (!(word & SOCK_WRITE_FAILED)) {
		sock_flag(ref, SOCK_WRITE_FAILED, 0);
		return;
	}
	report_plain(
		RULE_EPIPE_IGNORED, &subject, sight->place,
		sock_of(ref)->role == ROLE_NONE
			? "the socket is not connected, an earlier write said "
			  "so, and the program goes on writing"
			: "the connection is gone, an earlier write said so, "
			  "and the program goes on writing",
		"check the result of each write; after EPIPE or ECONNRESET "
		"close the socket");
}

/*
 * As send_sig(SIGPIPE, current, 0) of sk_stream_error does it: to the calling
 * thread, SI_USER, from itself.
 */
static void raise_sigpipe(void)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = SIGPIPE;
	info.si_code = SI_USER;
	info.si_pid = raw_getpid();
	info.si_uid = (uid_t)raw_call3(SYS_getuid, 0, 0, 0);
	raw_call6(SYS_rt_tgsigqueueinfo, info.si_pid,
		  raw_call3(SYS_gettid, 0, 0, 0), SIGPIPE, (long)&info, 0, 0);
}

void sigpipe_failed(int fd, uint64_t ref, const struct sight *sight, bool raise,
		    int errno_before)
{
	if (is_deadly() && !is_blocked()) {
		say_death(fd, ref, sight);
		if (process_owns_memory())
			process_settle(CALL_NONE);
	}
	if (!raise)
		return;
	errno = errno_before;
	raise_sigpipe();
	errno = EPIPE;
}

void sigpipe_write_failed(int fd, uint64_t ref, const struct sight *sight)
{
	if (sight->error == EPIPE || sight->error == ECONNRESET)
		check_ignored(fd, ref, sight);
}

void sigpipe_hold(uint64_t ref, struct sigpipe_hold *hold)
{
	uint64_t pipe_bit = SIGPIPE_BIT;
	uint64_t pending = 0;
	uint64_t word;

	hold->held = false;
	if (process_sandboxed() || !sock_load(ref, &word))
		return;
	if (sock_state(word) == ST_ESTABLISHED)
		return;
	raw_call6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&pipe_bit,
		  (long)&hold->mask, sizeof(hold->mask), 0, 0);
	raw_call3(SYS_rt_sigpending, (long)&pending, sizeof(pending), 0);
	hold->was_pending = pending & SIGPIPE_BIT;
	hold->held = true;
}

bool sigpipe_release(struct sigpipe_hold *hold, bool failed)
{
	struct timespec now = { .tv_sec = 0 };
	uint64_t pipe_bit = SIGPIPE_BIT;
	bool earned = false;

	if (!hold->held)
		return false;
	if (failed && !hold->was_pending)
		earned = raw_call6(SYS_rt_sigtimedwait, (long)&pipe_bit, 0,
				   (long)&now, sizeof(pipe_bit), 0,
				   0) == SIGPIPE;
	raw_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&hold->mask, 0,
		  sizeof(hold->mask), 0, 0);
	return earned;
}
