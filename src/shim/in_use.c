#include "shim/in_use.h"

#include <netinet/in.h>
#include <string.h>

#include "kernel/bind.h"
#include "kernel/diag.h"
#include "kernel/holders.h"
#include "kernel/raw.h"
#include "kernel/socket.h"
#include "shim/ends.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/settings.h"
#include "shim/stack.h"

static void add_owners(struct text *text, const struct holder *holder, int cut)
{
	unsigned int stored = holder->owner_count;

	if (stored > HOLDER_OWNERS_MAX)
		stored = HOLDER_OWNERS_MAX;
	for (unsigned int i = 0; i < stored; i++) {
		const struct owner *owner = &holder->owners[i];

		text_add(text, i > 0 ? ", pid " : "pid ");
		text_add_number(text, owner->pid);
		text_add(text, " (");
		text_add_foreign(text, owner->command);
		text_add(text, ") fd ");
		text_add_number(text, owner->fd);
	}
	if (holder->owner_count > stored) {
		text_add(text, " and ");
		text_add_number(text, holder->owner_count - stored);
		text_add(text, " more");
	}
	if (holder->owner_count > 0)
		return;
	if (holder->row.inode == 0) {
		text_add(text, "no process");
		return;
	}
	text_add(text, cut > 0 ? "a process that was not found (uid "
			       : "a process that cannot be seen (uid ");
	text_add_number(text, holder->row.uid);
	text_add(text, ")");
}

static void add_end(struct text *text, const struct end *end)
{
	text_add(text,
		 end->role == ROLE_PASSIVE ? "  accepted by" : "  made by");
	text_add(text, end->born ? ":\n" : " this program\n");
	stack_add(text, "    ", end->born);
	if (end->closed_by == 0)
		return;
	text_add(text, "  closed by:\n");
	stack_add(text, "    ", end->closed_by);
}

/* Which side of a connection it is, if this process has, or had, the socket. */
static enum role role_of(uint64_t cookie, const struct end *end)
{
	uint64_t ref;

	if (end)
		return end->role;
	ref = observe_known(cookie);
	return ref ? (enum role)sock_of(ref)->role : ROLE_NONE;
}

/* What we know of a socket counts for more than what its ports look like. */
static void classify(struct holder *holder, const struct holder_query *query,
		     const struct end *end)
{
	const struct diag_row *row = &holder->row;
	enum role role = role_of(row->cookie, end);

	/* Closed here and still listening: somebody inherited it. */
	if (row->state == ST_LISTEN && end)
		holder->class = HOLDER_INHERITED;
	else if (role != ROLE_NONE)
		holder->class = holders_classify(query, row, role);
}

static void add_holder(struct text *text, struct holder *holder,
		       const struct holder_query *query, int cut)
{
	struct end end;
	/* A socket that this process, or its parent before the fork, closed. */
	bool ours = ends_find(holder->row.cookie, &end);

	classify(holder, query, ours ? &end : NULL);
	text_add(text, "holder: ");
	text_add(text, holder_name(holder->class));
	text_add(text, " ");
	text_add(text, state_name(holder->row.state));
	text_add(text, " ");
	text_add_address(text, &holder->row.local);
	if (holder->row.peer.port) {
		text_add(text, " ");
		text_add_address(text, &holder->row.peer);
	}
	text_add(text, " ");
	add_owners(text, holder, cut);
	if (holder->row.timed) {
		text_add(text, ", ");
		text_add_number(text, (holder->row.expires + 999) / 1000);
		text_add(text, " s left");
	}
	text_add(text, "\n");
	if (ours)
		add_end(text, &end);
	else
		ends_ask(text, holder->row.cookie);
}

static long try_option(const struct holder_query *query, unsigned int option,
		       const struct sockaddr *address, socklen_t length)
{
	if (query->reuseport)
		option |= BIND_REUSEPORT;
	if (query->v6only)
		option |= BIND_V6ONLY;
	return bind_try(query->address.family, address, length, option);
}

static void add_verdict(struct text *text, int fd,
			const struct holder_query *query,
			const struct sockaddr *address, socklen_t length)
{
	bool has = kernel_socket_option(fd, SOL_SOCKET, SO_REUSEADDR) > 0;
	long result;

	if (has) {
		text_add(text, "SO_REUSEADDR is set on this socket, and does "
			       "not help here\n");
		return;
	}
	result = try_option(query, BIND_REUSEADDR, address, length);
	if (result == 0)
		text_add(text, "SO_REUSEADDR on this socket would help now "
			       "(tried)\n");
	else if (result == -EADDRINUSE)
		text_add(text, "SO_REUSEADDR on this socket would not help now "
			       "(tried)\n");
}

/* The other listener has SO_REUSEPORT, and is of the same user. */
static bool would_share(const struct holders *holders,
			const struct holder_query *query,
			const struct sockaddr *address, socklen_t length)
{
	return holders->count > 0 && address && !query->reuseport &&
	       holders->list[0].row.state == ST_LISTEN &&
	       try_option(query, BIND_REUSEPORT, address, length) == 0;
}

/* Sockets of another network namespace do not show in ours. */
static bool is_foreign(int fd)
{
	uint64_t here = diag_namespace();

	return here != 0 && kernel_socket_namespace(fd) != here;
}

static void add_holders(struct text *text, struct holders *holders,
			const struct holder_query *query)
{
	for (unsigned int i = 0; i < holders->count; i++)
		add_holder(text, &holders->list[i], query, holders->cut);
	if (holders->total > holders->count) {
		text_add(text, "and ");
		text_add_number(text, holders->total - holders->count);
		text_add(text, " more holders\n");
	}
	if (holders->beside > 0) {
		text_add(text, "and ");
		text_add_number(text, holders->beside);
		text_add(text, holders->beside == 1
				       ? " connection on that port\n"
				       : " connections on that port\n");
	}
}

static void add_elsewhere(struct text *text, struct holders *holders,
			  bool foreign)
{
	holders->list[0].class = HOLDER_ELSEWHERE;
	text_add(text, "holder: elsewhere, ");
	text_add(text, foreign ? "the socket was made in another network "
				 "namespace than the process is in now\n"
			       : "no socket of this network namespace shows on "
				 "the port\n");
}

/* Out of descriptors, as a rule: then there is none for the question. */
static void add_unasked(struct report *report, const struct holders *holders,
			uint16_t port)
{
	text_add(&report->scratch->details, "who holds it");
	report_add_unasked(&report->scratch->details, -holders->error);
	text_add(&report->scratch->help, "`tcpshadow port ");
	text_add_number(&report->scratch->help, port);
	text_add(&report->scratch->help, "` tells who holds it");
}

/*
 * No descriptor was found that leads to what this process has closed: it need
 * not be a child's. accept() and poll() hold a socket for as long as they wait.
 */
static const char *remedy_of(const struct holder *holder)
{
	if (holder->class == HOLDER_INHERITED && holder->owner_count == 0)
		return "a call of another thread that is under way (accept, "
		       "poll), or a child, holds the listener that this "
		       "process has closed: shutdown() it before close(), and "
		       "create it with SOCK_CLOEXEC";
	return holder_remedy(holder->class);
}

static void explain(int fd, const struct sockaddr *address, socklen_t length,
		    const struct address *wanted, const struct sight *sight)
{
	struct holder_query query = {
		.address = *wanted,
		.v6only = kernel_socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) >
			  0,
		.reuseport =
			kernel_socket_option(fd, SOL_SOCKET, SO_REUSEPORT) > 0,
		.cookie = kernel_socket_cookie(fd),
	};
	struct subject subject = report_process();
	struct holders *holders;
	struct report report;
	bool foreign;
	bool shared = false;
	struct text *text;

	if (!report_begin_about(&report, RULE_ADDRESS_IN_USE, &subject,
				sight->place, wanted))
		return;
	holders = &report.scratch->holders;
	text = &report.scratch->message;
	event_add_result(text, sight->call, sight->result, sight->error);
	text_add(text, ": ");
	text_add_address(text, wanted);
	text_add(text, " is already in use");
	text = &report.scratch->details;
	text_add(text, "wanted by fd ");
	text_add_number(text, fd);
	text_add(text, "\n");
	foreign = is_foreign(fd);
	holders->count = 0;
	holders->unreadable = 0;
	holders->cut = 0;
	holders->error = 0;
	if (!foreign)
		holders_find(&query, holders, report.scratch->reply);
	if (would_share(holders, &query, address, length)) {
		holders->list[0].class = HOLDER_REUSEPORT;
		shared = true;
	}
	if (holders->error < 0 && holders->count == 0) {
		add_unasked(&report, holders, wanted->port);
		report_end(&report);
		return;
	}
	if (holders->count > 0)
		add_holders(text, holders, &query);
	else
		add_elsewhere(text, holders, foreign);
	if (address && holders->count > 0)
		add_verdict(text, fd, &query, address, length);
	if (shared)
		text_add(text, "SO_REUSEPORT on this socket would help now "
			       "(tried): the two would share the port\n");
	if (holders->cut > 0) {
		text_add(text, "of ");
		text_add_number(text, holders->cut);
		text_add(text, holders->cut == 1 ? " process" : " processes");
		text_add(text, " not every descriptor was looked at: "
			       "`tcpshadow port` looks at all\n");
	}
	if (holders->unreadable > 0) {
		text_add_number(text, holders->unreadable);
		text_add(text, holders->unreadable == 1
				       ? " process could not be looked into"
				       : " processes could not be looked into");
		text_add(text, raw_call3(SYS_geteuid, 0, 0, 0) == 0
				       ? "\n"
				       : ": run as root to see them\n");
	}
	text_add(&report.scratch->help, remedy_of(&holders->list[0]));
	report_end(&report);
}

static void set_reuseaddr(int fd, int on)
{
	raw_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

static void say_applied(int fd, const struct address *wanted,
			const struct sight *sight)
{
	struct subject subject = report_process();
	struct report report;
	struct text *text;

	if (!report_begin(&report, RULE_REUSEADDR_APPLIED, &subject,
			  sight->place))
		return;
	text = &report.scratch->message;
	text_add(text, "bind() of fd ");
	text_add_number(text, fd);
	text_add(text, " to ");
	text_add_address(text, wanted);
	text_add(text, " failed with EADDRINUSE; tcpshadow set SO_REUSEADDR, "
		       "and it succeeded");
	text_add(&report.scratch->help,
		 "set SO_REUSEADDR in the program, before bind()");
	report_end(&report);
}

/* Tries again with the option set; takes it back when that is no cure. */
static bool cure(int fd, const struct sockaddr *address, socklen_t length)
{
	if (kernel_socket_option(fd, SOL_SOCKET, SO_REUSEADDR) != 0)
		return false;
	set_reuseaddr(fd, 1);
	if (raw_call3(SYS_bind, fd, (long)address, length) == 0)
		return true;
	if (settings.reuseaddr != REUSEADDR_ALWAYS)
		set_reuseaddr(fd, 0);
	return false;
}

int in_use_bind(int fd, const struct sockaddr *address, socklen_t length,
		const struct sight *sight, int errno_before)
{
	int result = (int)sight->result;
	bool in_use = result < 0 && sight->error == EADDRINUSE;
	struct address wanted;
	uint64_t ref;

	if (!in_use && (result < 0 || settings.reuseaddr != REUSEADDR_ALWAYS))
		return result;
	ref = process_sandboxed() ? 0 : observe_find(fd);
	if (!ref)
		return result;
	if (!in_use) {
		/* It counts from now on: the kernel reads the flag live. */
		set_reuseaddr(fd, 1);
		return result;
	}
	kernel_socket_address(address, length, &wanted);
	if (settings.reuseaddr != REUSEADDR_OFF && cure(fd, address, length)) {
		errno = errno_before;
		say_applied(fd, &wanted, sight);
		return 0;
	}
	/* The kernel takes an AF_UNSPEC for IPv4; we do not explain that. */
	if (wanted.family == 0)
		return result;
	observe_ghosts(sight->call, wanted.port);
	if (wanted.port == 0)
		rule_no_port_left(fd, NULL, sight);
	else
		explain(fd, address, length, &wanted, sight);
	return result;
}

void in_use_listen(int fd, const struct sight *sight)
{
	struct address local;

	if (sight->result == 0 || sight->error != EADDRINUSE ||
	    process_sandboxed() || !observe_find(fd))
		return;
	kernel_socket_local(fd, &local);
	observe_ghosts(sight->call, local.port);
	if (local.port == 0)
		rule_no_port_left(fd, NULL, sight);
	else
		explain(fd, NULL, 0, &local, sight);
}
