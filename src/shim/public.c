/*
 * The calls of include/tcpshadow.h; public.def lists them. They answer from
 * what the library knows and what the kernel says, and move nothing.
 *
 * Not on the data path. Async-signal-safe, allocates nothing, leaves errno
 * alone.
 */
#define TCPSHADOW_IMPLEMENTATION
#include <tcpshadow.h>

#include <limits.h>
#include <string.h>

#include "kernel/diag.h"
#include "kernel/socket.h"
#include "shim/feed.h"
#include "shim/names.h"
#include "shim/report.h"
#include "shim/tally.h"
#include "shim/wrap.h"

_Static_assert(TCPSHADOW_NAME_MAX == SUBJECT_NAME_SIZE - 1, "as promised");
_Static_assert(TCPSHADOW_LABEL_MAX == MARK_LABEL_SIZE - 1, "as promised");

int tcpshadow_active(void)
{
	return process_started() && !process_sandboxed();
}

/*
 * The socket behind a number, 0: none that is followed. The number may lead to
 * another one than the table says, after a close that could not be seen.
 */
static uint64_t find_socket(int fd)
{
	struct sight sight = { .call = CALL_NONE };
	uint64_t ref = table_find(fd);

	if (!process_started())
		return 0;
	if (process_sandboxed())
		return ref;
	/* A child on borrowed memory has descriptors of its own. */
	if (!process_owns_memory())
		return 0;
	if (ref && kernel_socket_cookie(fd) != sock_of(ref)->cookie)
		observe_vanished(fd, ref, &sight);
	return observe_find(fd);
}

static const char *name_of(enum tcp_state state)
{
	return state == ST_UNKNOWN ? "" : state_name(state);
}

const char *tcpshadow_expected(int fd)
{
	uint64_t ref = find_socket(fd);
	uint64_t word;

	if (!ref || !sock_load(ref, &word))
		return "";
	return name_of(sock_state(word));
}

const char *tcpshadow_kernel(int fd)
{
	uint64_t ref = find_socket(fd);
	const struct sock *sock = sock_of(ref);
	enum tcp_state state;
	struct diag_row row;

	if (!ref || process_sandboxed())
		return "";
	state = kernel_socket_state(fd, NULL);
	/* TCP_INFO says CLOSED of an open descriptor in TIME_WAIT. */
	if (state == ST_CLOSED && sock->peer.family != 0 &&
	    diag_find(&sock->local, &sock->peer, &row) == 1 &&
	    row.cookie == sock->cookie)
		state = row.state;
	return name_of(state);
}

int tcpshadow_name(int fd, const char *name)
{
	char kept[SUBJECT_NAME_SIZE];
	uint64_t ref = find_socket(fd);
	uint64_t cookie = ref ? sock_of(ref)->cookie : 0;
	bool named;

	if (!cookie)
		return 0;
	named = names_set(cookie, name);
	names_get(cookie, kept);
	feed_name(cookie, fd, kept);
	return named;
}

static int count_as_int(uint64_t count)
{
	return count < INT_MAX ? (int)count : INT_MAX;
}

int tcpshadow_mark(const char *label)
{
	if (!process_started())
		return 0;
	if (label && process_owns_memory())
		report_mark(label);
	return count_as_int(tally_count());
}

/* Which rules are meant; false: none is. As --fail-on has it. */
static bool choose_rules(const char *what, bool wanted[static RULE_COUNT])
{
	bool any = false;

	for (int i = 0; i < RULE_COUNT; i++) {
		enum severity severity = rule_severity((enum rule)i);

		wanted[i] = strcmp(what, rule_slug((enum rule)i)) == 0;
		for (int least = SEVERITY_NOTE; least <= SEVERITY_ERROR;
		     least++)
			wanted[i] |=
				(int)severity >= least &&
				strcmp(what,
				       severity_name((enum severity)least)) ==
					0;
		any |= wanted[i];
	}
	return any;
}

int tcpshadow_findings(int mark, const char *what)
{
	uint64_t since = mark > 0 ? (uint64_t)mark : 0;
	bool wanted[RULE_COUNT];
	uint64_t count;

	if (!process_started())
		return 0;
	if (what && !choose_rules(what, wanted))
		return -1;
	if (what)
		return tally_since(since, wanted);
	count = tally_count();
	return count_as_int(count > since ? count - since : 0);
}
