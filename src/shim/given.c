#include "shim/given.h"

#include <errno.h>

#include "kernel/socket.h"
#include "shim/lifecycle.h"
#include "shim/process.h"
#include "shim/rules.h"

/* 0: it is not followed. */
static uint64_t follow(int fd, enum tcp_state state, enum role role,
		       const struct sight *sight)
{
	uint64_t ref;

	/* Whoever is preloaded besides us may have made it another protocol. */
	if (!process_sandboxed() && kernel_socket_kind(fd) != KERNEL_TCP) {
		seen_foreign(fd);
		return 0;
	}
	ref = observe_birth(fd, state, sight->place);
	if (!ref)
		return 0;
	sock_set(sock_of(ref), role, (uint8_t)role);
	sock_set(sock_of(ref), last_write, clock_now());
	observe_names(fd, ref);
	return ref;
}

static bool is_given(const struct sight *sight)
{
	if (sight->result < 0 &&
	    (sight->error == EMFILE || sight->error == ENFILE))
		rule_no_descriptor(sight);
	return sight->result >= 0;
}

void given_bound(const struct sight *sight)
{
	uint64_t ref = 0;

	if (is_given(sight))
		ref = follow((int)sight->result, ST_CLOSED, ROLE_NONE, sight);
	if (!ref)
		return;
	sock_set(sock_of(ref), bound_reuse, false);
	sock_flag(ref, SOCK_BOUND, 0);
}

void given_connected(const struct sight *sight)
{
	int fd = (int)sight->result;
	uint64_t ref = 0;

	if (is_given(sight))
		ref = follow(fd, ST_ESTABLISHED, ROLE_ACTIVE, sight);
	if (!ref)
		return;
	observe_born(fd, ref, ST_CLOSED, ST_SYN_SENT, EVENT_OPEN_ACTIVE, sight);
	observe_born(fd, ref, ST_SYN_SENT, ST_ESTABLISHED, EVENT_RCV_SYN_ACK,
		     sight);
}

void given_accepted(int fd, const struct sight *sight)
{
	uint64_t ref = 0;

	if (fd >= 0)
		ref = follow(fd, ST_ESTABLISHED, ROLE_PASSIVE, sight);
	if (ref)
		observe_born(fd, ref, ST_LISTEN, ST_ESTABLISHED, EVENT_RCV_ACK,
			     sight);
}
