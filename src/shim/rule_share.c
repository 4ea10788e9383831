/* Rules about sockets that more than one descriptor leads to. */
#include <string.h>

#include "kernel/diag.h"
#include "kernel/owners.h"
#include "kernel/socket.h"
#include "shim/handover.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/stack.h"

struct others {
	struct text *text;
	char command[16]; /* of this process */
	bool foreign;     /* another program is among them */
};

static bool add_other(const struct owner *owner, void *argument)
{
	struct others *others = argument;
	struct text *text = others->text;

	if (owner->pid == process_id())
		return true;
	others->foreign |= strcmp(owner->command, others->command) != 0;

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
 * A parent that closes what its forked child serves is the classic forking
 * server. The note is for a socket that leaked into another program.
 */
void rule_still_held(int fd, uint64_t ref, uint32_t inode,
		     const struct sight *sight)
{
	struct subject subject = report_subject(sock_of(ref), fd);
	struct others others = { .foreign = false };
	int cut;
	struct report report;

	if (process_sandboxed() ||
	    !report_begin(&report, RULE_SHARED_CLOSE, &subject, sight->place))
		return;
	others.text = &report.scratch->details;
	owners_command(process_id(), others.command, sizeof(others.command));
	owners_find_some(&inode, 1, add_other, &others, &cut);
	if (!others.foreign) {
		report_cancel(&report);
		return;
	}
	sock_flag(ref, SOCK_HELD_SAID, 0);
	text_add(&report.scratch->message,
		 "this close ends nothing: another program still holds the "
		 "socket");
	text_add(&report.scratch->help,
		 "create the socket with SOCK_CLOEXEC, or close it in the "
		 "child");
	report_end(&report);
}

static void say_inherited(int fd, uint64_t ref)
{
	struct subject subject = report_subject(sock_of(ref), fd);
	struct report report;

	/* The place to blame is in the program that made it. */
	if (!report_begin_at(&report, RULE_INHERITED_LISTENER, &subject,
			     handover_birth(sock_of(ref)->cookie)))
		return;
	text_add(&report.scratch->message,
		 "this program inherited a listening socket over exec and "
		 "never used it: while it lives the port stays taken");
	if (report.stack)
		text_add(&report.scratch->details,
			 "the listener was made there, by the program before "
			 "this one\n");
	text_add(&report.scratch->help,
		 "the program that made the listener: socket(..., SOCK_STREAM "
		 "| SOCK_CLOEXEC, ...), or accept4() and fcntl() likewise");
	report_end(&report);
}

/* The close was told as futile; is it, now that the process ends? */
void rule_held_at_exit(uint64_t ref)
{
	const struct sock *sock = sock_of(ref);
	struct subject subject = report_subject(sock, sock->fd);
	struct address nobody = { .family = sock->local.family };
	struct others others = { .foreign = false };
	int cut;
	struct report report;
	struct diag_row row;
	uint64_t word;

	if (!sock_load(ref, &word) || !(word & SOCK_HELD_SAID) ||
	    diag_find(&sock->local,
		      sock_state(word) == ST_LISTEN ? &nobody : &sock->peer,
		      &row) != 1 ||
	    row.cookie != sock->cookie || row.inode == 0 ||
	    !report_begin_at(&report, RULE_SHARED_CLOSE, &subject, sock->born))
		return;
	text_add(&report.scratch->message,
		 "the program ends, and another one still holds a socket that "
		 "it had closed: the peer sees no end, the port stays taken");
	others.text = &report.scratch->details;
	owners_command(process_id(), others.command, sizeof(others.command));
	owners_find_some(&row.inode, 1, add_other, &others, &cut);
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

void rule_shared_at_exit(int fd, uint64_t ref)
{
	uint64_t word;

	if (!sock_load(ref, &word))
		return;
	if (sock_state(word) == ST_LISTEN && word & SOCK_INHERITED &&
	    !(word & SOCK_USED))
		say_inherited(fd, ref);
	else if (sock_state(word) == ST_LISTEN)
		rule_queue_at_exit(fd, ref);
	else if (sock_state(word) == ST_ESTABLISHED && word & SOCK_CLOSED_ONE &&
		 kernel_socket_data(fd) == sock_of(ref)->data)
		say_duplicate(fd, ref);
}
