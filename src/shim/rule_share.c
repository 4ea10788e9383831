/* Rules about sockets that more than one descriptor leads to. */
#include <string.h>
#include <unistd.h>

#include "kernel/diag.h"
#include "kernel/owners.h"
#include "kernel/socket.h"
#include "model/at_exit.h"
#include "shim/blind.h"
#include "shim/ends.h"
#include "shim/feed.h"
#include "shim/handover.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/stack.h"

struct others {
	struct text *text;
	char command[16]; /* of this process */
	bool found;       /* there is one, */
	bool foreign;     /* another program is among them */
	int given;        /* the process that was last seen to be given it */
};

/* Closes in a row of what only forked copies of this program held. */
static _Atomic uint32_t held_by_forks;

/* Closes at places that were found to be futile before. */
static _Atomic uint32_t held_again;
static _Atomic bool found_any;

/*
 * Is it what the process reads from, or writes to, by default? As in the manner
 * of inetd: then it was given on purpose. The lowest descriptors come first.
 */
static bool was_given(const struct owner *owner, int *given)
{
	if (owner->fd <= STDERR_FILENO)
		*given = owner->pid;
	return *given == owner->pid;
}

static bool add_other(const struct owner *owner, void *argument)
{
	struct others *others = argument;
	struct text *text = others->text;

	if (owner->pid == process_id())
		return true;
	others->found = true;
	others->foreign |= !was_given(owner, &others->given) &&
			   strcmp(owner->command, others->command) != 0;
	text_add(text, "held by pid ");
	text_add_number(text, owner->pid);
	text_add(text, " (");
	text_add_foreign(text, owner->command);
	text_add(text, ") fd ");
	text_add_number(text, owner->fd);
	text_add(text, "\n");
	return true;
}

/*
 * To ask takes a pass over /proc, and a forking server would for each of its
 * connections: of closes in a row that only forks have held, those with a power
 * of two are asked about. A child may become another program later. Of what
 * comes again at its place likewise, and only what was asked about is counted:
 * not all that is closed there needs to be held by another program.
 */
static bool is_to_be_asked(const void *place)
{
	bool again = atomic_load(&found_any) &&
		     report_has(RULE_SHARED_CLOSE, place);
	uint32_t count =
		atomic_fetch_add(again ? &held_again : &held_by_forks, 1) + 1;

	return (count & (count - 1)) == 0;
}

/* The inode of a socket that was closed here and lives on, 0: it does not. */
static uint32_t held_inode(const struct sock *sock, uint64_t word)
{
	struct address nobody = { .family = sock->local.family };
	struct diag_row row;

	if (diag_find(&sock->local,
		      sock_state(word) == ST_LISTEN ? &nobody : &sock->peer,
		      &row) != 1 ||
	    row.cookie != sock->cookie)
		return 0;
	return row.inode;
}

/* Does another program hold it? Then all that do are in the details. */
static bool is_held_by_another(uint64_t ref, uint32_t inode,
			       struct scratch *scratch)
{
	struct others others = { .text = &scratch->details };
	uint64_t word;
	int cut;

	owners_command(process_id(), others.command, sizeof(others.command));
	owners_find_some(&inode, 1, add_other, &others, scratch->reply, &cut);
	/*
	 * Nobody, where not all were looked at: it may be another program.
	 * Unless whoever it was has let go meanwhile.
	 */
	if (!others.found && cut > 0 && sock_load(ref, &word) &&
	    held_inode(sock_of(ref), word) != 0)
		blind_count(BLIND_HOLDER);
	return others.foreign;
}

static void say_still_held(int fd, uint64_t ref, const struct text *holders,
			   const struct sight *sight)
{
	struct subject subject = report_subject(sock_of(ref), fd);
	struct report report;

	if (!report_begin(&report, RULE_SHARED_CLOSE, &subject, sight->place))
		return;
	text_add(&report.scratch->message,
		 "this close ends nothing: another program still holds the "
		 "socket");
	text_add_bytes(&report.scratch->details, holders->buffer,
		       holders->length);
	text_add(&report.scratch->help,
		 "create the socket with SOCK_CLOEXEC, or close it in the "
		 "child");
	report_end(&report);
}

/*
 * A parent that closes what its forked child serves is the classic forking
 * server. The note is for a socket that leaked into another program.
 */
void rule_still_held(int fd, uint64_t ref, uint32_t inode,
		     const struct sight *sight)
{
	struct scratch *scratch;

	if (process_sandboxed() || !is_to_be_asked(sight->place))
		return;
	scratch = scratch_take();
	if (!scratch)
		return;
	if (is_held_by_another(ref, inode, scratch)) {
		atomic_store(&found_any, true);
		atomic_store(&held_by_forks, 0);
		sock_flag(ref, SOCK_HELD_SAID, 0);
		say_still_held(fd, ref, &scratch->details, sight);
	}
	scratch_give(scratch);
}

static void say_inherited(int fd, uint64_t ref)
{
	struct subject subject = report_subject(sock_of(ref), fd);
	struct report report;

	/* The place to blame is in the program that made it. */
	if (!report_begin_at(&report, RULE_INHERITED_LISTENER, &subject,
			     handover_birth(sock_of(ref)->cookie)))
		return;
	text_add(&report.scratch->message, AT_EXIT_INHERITED);
	if (feed_attached())
		ends_ask(&report.scratch->details, sock_of(ref)->cookie);
	else if (report.stack)
		text_add(&report.scratch->details,
			 "the listener was made there, by the program before "
			 "this one\n");
	text_add(&report.scratch->help, AT_EXIT_INHERITED_HELP);
	report_end(&report);
}

struct suspects {
	uint64_t refs[OWNERS_INODES_MAX];
	uint32_t inodes[OWNERS_INODES_MAX];
	int given[OWNERS_INODES_MAX]; /* as of others */
	unsigned int count;
	char command[16]; /* of this process */
};

static bool accuse(const struct owner *owner, void *argument)
{
	struct suspects *suspects = argument;

	for (unsigned int i = 0; i < suspects->count; i++) {
		if (suspects->inodes[i] == owner->inode &&
		    owner->pid != process_id() &&
		    !was_given(owner, &suspects->given[i]) &&
		    strcmp(owner->command, suspects->command) != 0)
			sock_flag(suspects->refs[i], SOCK_HELD_SAID, 0);
	}
	return true;
}

/*
 * A server closes what it has forked a child for before that has executed its
 * program: only now it shows. For some, in one pass over /proc.
 */
void rule_ask_held_at_exit(void)
{
	enum { LOOKS_MAX = 4 * OWNERS_INODES_MAX };
	struct suspects suspects = { .count = 0 };
	struct scratch *scratch;
	int looks = 0;
	int cut;

	for (unsigned int slot = 0; slot < ghost_end() && looks < LOOKS_MAX &&
				    suspects.count < OWNERS_INODES_MAX;
	     slot++) {
		uint64_t ref = ghost_at(slot);
		uint32_t inode;
		uint64_t word;

		/* Of those that this process has closed, not its parent. */
		if (!ref || !sock_load(ref, &word) ||
		    !(word & SOCK_SILENT_GHOST) || word & SOCK_HELD_SAID ||
		    sock_of(ref)->touched < process_born())
			continue;
		looks++;
		inode = held_inode(sock_of(ref), word);
		if (inode == 0)
			continue;
		suspects.refs[suspects.count] = ref;
		suspects.inodes[suspects.count++] = inode;
	}
	scratch = suspects.count > 0 ? scratch_take() : NULL;
	if (!scratch)
		return;
	owners_command(process_id(), suspects.command,
		       sizeof(suspects.command));
	owners_find_some(suspects.inodes, suspects.count, accuse, &suspects,
			 scratch->reply, &cut);
	scratch_give(scratch);
}

/* The close was futile; is it, now that the process ends? */
void rule_held_at_exit(uint64_t ref)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, sock->fd);
	struct others others = { .foreign = false };
	uint32_t inode;
	int cut;
	struct report report;
	uint64_t word;

	if (!sock_load(ref, &word) || !(word & SOCK_HELD_SAID))
		return;
	inode = held_inode(sock, word);
	if (inode == 0 ||
	    !report_begin_at(&report, RULE_SHARED_CLOSE, &subject, sock->born))
		return;
	text_add(&report.scratch->message,
		 "the program ends, and another one still holds a socket that "
		 "it had closed: the peer sees no end, the port stays taken");
	others.text = &report.scratch->details;
	owners_command(process_id(), others.command, sizeof(others.command));
	owners_find_some(&inode, 1, add_other, &others, report.scratch->reply,
			 &cut);
	text_add(&report.scratch->details,
		 report.stack ? "it was made there, and closed " : "closed ");
	text_add_number(&report.scratch->details,
			clock_now() - sock->closed_at);
	text_add(&report.scratch->details,
		 sock->closed_by ? " ms before by:\n" : " ms before\n");
	stack_add(&report.scratch->details, "  ", sock->closed_by);
	text_add(&report.scratch->help,
		 "create the socket with SOCK_CLOEXEC, or close it in the "
		 "child");
	report_end(&report);
}

static void say_duplicate(int fd, uint64_t ref)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, fd);
	struct report report;

	if (!report_begin_at(&report, RULE_SHARED_CLOSE, &subject,
			     sock->closed_by))
		return;
	text_add(&report.scratch->message, "a close ended nothing: fd ");
	text_add_number(&report.scratch->message, fd);
	text_add(&report.scratch->message,
		 " is the same socket, was not used since, and is open at the "
		 "end of the program");
	text_add(&report.scratch->details,
		 report.stack ? "it was closed there, " : "it was closed ");
	text_add_number(&report.scratch->details,
			clock_now() - sock->closed_at);
	text_add(&report.scratch->details, " ms before\n");
	text_add(&report.scratch->help,
		 "close the duplicate too, or shutdown() to end the connection "
		 "whoever holds it");
	report_end(&report);
}

void rule_shared_at_exit(int fd, uint64_t ref, bool looked)
{
	uint64_t word;

	if (!sock_load(ref, &word))
		return;
	if (sock_state(word) == ST_LISTEN && word & SOCK_INHERITED &&
	    !(word & SOCK_USED))
		say_inherited(fd, ref);
	else if (!looked)
		return;
	else if (sock_state(word) == ST_LISTEN)
		rule_queue_at_exit(fd, ref);
	else if (sock_state(word) == ST_ESTABLISHED && word & SOCK_CLOSED_ONE &&
		 kernel_socket_data(fd) == sock_of(ref)->data)
		say_duplicate(fd, ref);
}
