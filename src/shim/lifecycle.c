#include "shim/lifecycle.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "kernel/socket.h"
#include "shim/blind.h"
#include "shim/closing.h"
#include "shim/feed.h"
#include "shim/in_use.h"
#include "shim/process.h"
#include "shim/rules.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

void seen_used(int fd, uint64_t ref)
{
	uint64_t word;

	if (!sock_load(ref, &word) ||
	    (word & (SOCK_INHERITED | SOCK_USED)) != SOCK_INHERITED)
		return;
	sock_flag(ref, SOCK_USED, 0);
	feed_inherited(sock_of(ref)->cookie, fd, true);
}

void seen_foreign(int fd)
{
	struct sight sight = { .call = CALL_NONE };
	uint64_t entry = table_entry(fd);

	if (!entry || !process_owns_memory())
		return;
	/* Somebody has been given the number: nothing is buried there. */
	if (entry & TABLE_GRAVE)
		table_remove(fd, entry);
	else
		observe_vanished(fd, entry, &sight);
}

void seen_socket(int domain, int type, int protocol, const struct sight *sight)
{
	int fd = (int)sight->result;
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	bool internet = domain == AF_INET || domain == AF_INET6;

	if (fd < 0) {
		if (internet &&
		    (sight->error == EMFILE || sight->error == ENFILE))
			rule_no_descriptor(sight);
		return;
	}
	rule_check_close_wait(sight->call);
	/* It may have been changed below us, as mptcpize does. */
	if (internet && kind == SOCK_STREAM &&
	    (protocol == 0 || protocol == IPPROTO_TCP) &&
	    (process_sandboxed() || kernel_socket_kind(fd) == KERNEL_TCP)) {
		observe_birth(fd, ST_CLOSED, sight->place);
		return;
	}
	if (internet && kind == SOCK_STREAM)
		blind_mptcp();
	seen_foreign(fd);
}

void seen_bind(int fd, const struct sockaddr *address, socklen_t length,
	       const struct sight *sight)
{
	uint64_t ref = sight->result == 0 ? observe_find(fd) : 0;
	struct address wanted;
	uint64_t word;

	if (!ref || !sock_load(ref, &word))
		return;
	if (!process_sandboxed())
		kernel_socket_local(fd, &sock_of(ref)->local);
	kernel_socket_address(address, length, &wanted);
	/* libc has chosen it, whatever was asked for, and filled it in. */
	if (sight->call == CALL_bindresvport)
		wanted.port = 0;
	sock_set(sock_of(ref), bound_reuse, word & SOCK_REUSEADDR);
	sock_flag(ref, SOCK_BOUND | (wanted.port ? SOCK_BOUND_PORT : 0), 0);
}

void seen_listen(int fd, int backlog, const struct sight *sight)
{
	uint64_t ref = observe_find(fd);

	if (!ref || sight->result < 0)
		return;
	seen_used(fd, ref);
	/* Not that of a connect() before. */
	sock_set(sock_of(ref), role, ROLE_NONE);
	observe_names(fd, ref);
	if (process_sandboxed())
		observe_step(fd, ref, ST_CLOSED, ST_LISTEN, EVENT_OPEN_PASSIVE,
			     sight);
	else
		observe(fd, ref, sight);
	rule_listening(fd, ref, backlog, sight);
}

/*
 * No way to the peer: was none known (tcp_v4_connect gives up before it takes a
 * port), or has a router said so?
 */
static bool has_port(int fd)
{
	struct address local;

	kernel_socket_local(fd, &local);
	return local.port != 0;
}

/* Did the call get as far as sending a SYN? */
static bool has_sent_syn(int fd, const struct sight *sight)
{
	if (sight->result == 0)
		return true;
	switch (sight->error) {
	case ENETUNREACH:
	case EHOSTUNREACH:
		return process_sandboxed() || has_port(fd);
	case EINPROGRESS:
	case EINTR:
	case ECONNREFUSED:
	case ECONNRESET:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static bool is_disconnect(const struct sockaddr *address, socklen_t length,
			  const struct sight *sight)
{
	return sight->result == 0 && length >= sizeof(address->sa_family) &&
	       address->sa_family == AF_UNSPEC;
}

/* What was seen of one connection says nothing of the next. */
static void forget_connection(uint64_t ref)
{
	sock_set(sock_of(ref), peer_closed_at, 0);
	sock_flag(ref, 0,
		  SOCK_DOOMED_WRITE | SOCK_DOOM_SAID | SOCK_WRITE_FAILED |
			  SOCK_SAW_END | SOCK_LEAK_SAID | SOCK_ERROR_UNREAD);
}

static void begin_connection(int fd, uint64_t ref,
			     const struct sockaddr *address, socklen_t length,
			     const struct sight *sight)
{
	struct sock *sock = sock_of(ref);

	sock_set(sock, role, ROLE_ACTIVE);
	observe_names(fd, ref);
	/* A failed connect has no peer name; the program told it. */
	if (sock->peer.family == 0)
		kernel_socket_address(address, length, &sock->peer);
	sock_set(sock, last_write, clock_now());
	forget_connection(ref);
	observe_step(fd, ref, ST_CLOSED, ST_SYN_SENT, EVENT_OPEN_ACTIVE, sight);
}

void seen_connect(int fd, const struct sockaddr *address, socklen_t length,
		  const struct sight *sight)
{
	bool sent = has_sent_syn(fd, sight);
	uint64_t ref = sent ? observe_find(fd) : table_find(fd);
	uint64_t word;

	if (!ref || !sock_load(ref, &word))
		return;
	if (sight->error == EADDRNOTAVAIL) {
		struct address wanted;

		/* Bound to a port: there is such a connection already. */
		if (word & SOCK_BOUND && sock_of(ref)->local.port)
			return;
		kernel_socket_address(address, length, &wanted);
		rule_connect_failed(fd, &wanted, sight);
		return;
	}
	if (is_disconnect(address, length, sight)) {
		observe(fd, ref, sight);
		if (!process_sandboxed())
			kernel_socket_local(fd, &sock_of(ref)->local);
		memset(&sock_of(ref)->peer, 0, sizeof(struct address));
		sock_set(sock_of(ref), role, ROLE_NONE);
		forget_connection(ref);
		sock_flag(ref, 0, SOCK_SHUT_WRITE | SOCK_SHUT_READ);
		return;
	}
	/* The last attempt's error, which no call had been told so far. */
	if (word & SOCK_ERROR_UNREAD && sock_state(word) == ST_CLOSED &&
	    sight->result < 0 && sight->error != EINPROGRESS &&
	    sight->error != EINTR) {
		sock_flag(ref, 0, SOCK_ERROR_UNREAD);
		sent = false;
	}
	if (sent && sock_state(word) == ST_CLOSED)
		begin_connection(fd, ref, address, length, sight);
	/* Under way: the next visible call will learn how it went. */
	if (sight->result < 0 &&
	    (sight->error == EINPROGRESS || sight->error == EINTR))
		return;
	if (sent || sock_state(word) == ST_SYN_SENT)
		observe(fd, ref, sight);
	if (sight->error == ECONNREFUSED)
		rule_connect_failed(fd, &sock_of(ref)->peer, sight);
}

static _Atomic bool low_water;

bool seen_low_water(void)
{
	return atomic_load_explicit(&low_water, memory_order_relaxed);
}

/*
 * Does the listener hand out connections before their handshake is complete
 * (RFC 7413)? Asked once, and again after the option was set: it may be on for
 * all listeners of the system.
 */
static bool opens_fast(int fd, uint64_t listener)
{
	bool fast;
	uint64_t word;

	if (process_sandboxed() || !sock_load(listener, &word) ||
	    word & SOCK_NO_FAST_OPEN)
		return false;
	if (word & SOCK_FAST_OPEN)
		return true;
	fast = kernel_socket_option(fd, IPPROTO_TCP, TCP_FASTOPEN) > 0;
	if (kernel_socket_option(fd, SOL_SOCKET, SO_RCVLOWAT) > 1)
		atomic_store(&low_water, true);
	sock_flag(listener, fast ? SOCK_FAST_OPEN : SOCK_NO_FAST_OPEN, 0);
	return fast;
}

/* The child of a listener on one address has that address. */
static void name_child(int fd, uint64_t ref, const struct sock *listener,
		       const struct address *peer)
{
	static const uint8_t any[sizeof(listener->local.bytes)];

	if (peer)
		sock_of(ref)->peer = *peer;
	if (process_sandboxed())
		return;
	if (!peer)
		kernel_socket_peer(fd, &sock_of(ref)->peer);
	if (memcmp(listener->local.bytes, any, sizeof(any)) != 0)
		sock_of(ref)->local = listener->local;
	else
		kernel_socket_local(fd, &sock_of(ref)->local);
}

/*
 * The child was ESTABLISHED before accept() could return it, but for fast open,
 * where it may still be in SYN_RCVD. What came after that shows at the next
 * call.
 */
static void accepted(int listener_fd, int fd, uint64_t listener,
		     const struct address *peer, const struct sight *sight)
{
	bool fast = listener && opens_fast(listener_fd, listener);
	enum tcp_state state = fast ? kernel_socket_state(fd, NULL)
				    : ST_ESTABLISHED;
	bool early = state == ST_SYN_RCVD;
	enum tcp_state born = early ? ST_SYN_RCVD : ST_ESTABLISHED;
	uint64_t ref = observe_birth(fd, born, sight->place);
	uint64_t word;

	if (!ref)
		return;
	sock_set(sock_of(ref), role, ROLE_PASSIVE);
	sock_set(sock_of(ref), last_write, clock_now());
	/* sk_clone_lock: the child starts with the listener's options. */
	if (listener && sock_load(listener, &word) &&
	    word & (SOCK_REUSEADDR | SOCK_LINGER_RESET))
		sock_flag(ref, word & (SOCK_REUSEADDR | SOCK_LINGER_RESET), 0);
	if (listener)
		name_child(fd, ref, sock_of(listener), peer);
	else
		observe_names(fd, ref);
	observe_born(fd, ref, ST_LISTEN, born,
		     early ? EVENT_RCV_SYN : EVENT_RCV_ACK, sight);
	if (state != born)
		observe(fd, ref, sight);
}

/* A listener of MPTCP gives a peer that knows none of it a TCP connection. */
static bool falls_back(int listener_fd, int fd)
{
	return !process_sandboxed() && kernel_socket_kind(fd) == KERNEL_TCP &&
	       kernel_socket_kind(listener_fd) == KERNEL_MPTCP;
}

void seen_accept(int fd, const struct address *peer, const struct sight *sight)
{
	uint64_t listener = table_find(fd);

	if (listener)
		seen_used(fd, listener);
	if (sight->result < 0) {
		if (!listener || sight->error == EAGAIN ||
		    sight->error == EINTR)
			return;
		if (sight->error == EMFILE || sight->error == ENFILE)
			rule_no_descriptor(sight);
		observe(fd, listener, sight);
		return;
	}
	if (!listener)
		listener = observe_adopt(fd);
	if (!listener && !falls_back(fd, (int)sight->result)) {
		seen_foreign((int)sight->result);
		return;
	}
	if (listener)
		rule_accepted(fd, listener, sight);
	feed_prepare();
	rule_another_accepted();
	rule_check_close_wait(sight->call);
	accepted(fd, (int)sight->result, listener, peer, sight);
}

/*
 * Where the shutdown has taken the socket. The peer's FIN may have come between
 * our look and the call: then the kernel is not where the call alone leads.
 */
static enum tcp_state shut_state(int fd, const struct sock *sock,
				 enum tcp_state state, int how)
{
	switch (state) {
	case ST_SYN_SENT:
		return ST_CLOSED;
	case ST_LISTEN:
		return how == SHUT_WR ? state : ST_CLOSED;
	case ST_SYN_RCVD:
		/* Since Linux 6.9 the FIN waits for the handshake's end. */
		if (how == SHUT_RD ||
		    (!process_sandboxed() &&
		     kernel_socket_state(fd, NULL) == ST_SYN_RCVD))
			return state;
		return ST_FIN_WAIT_1;
	case ST_ESTABLISHED:
		if (how == SHUT_RD)
			return state;
		return observe_peer_closed_first(fd, sock) ? ST_LAST_ACK
							   : ST_FIN_WAIT_1;
	case ST_CLOSE_WAIT:
		return how == SHUT_RD ? state : ST_LAST_ACK;
	default:
		return state;
	}
}

void seen_shutdown(int fd, int how, const struct sight *sight)
{
	uint64_t ref = table_find(fd);
	uint64_t word;

	if (!ref || !sock_load(ref, &word))
		return;
	/* On an unconnected socket it fails, and spoils it all the same. */
	if (how != SHUT_RD && (sight->result == 0 || sight->error == ENOTCONN))
		sock_flag(ref, SOCK_SHUT_WRITE, 0);
	if (how != SHUT_WR && (sight->result == 0 || sight->error == ENOTCONN))
		sock_flag(ref, SOCK_SHUT_READ, 0);
	if (sight->result == 0)
		observe_step(fd, ref, sock_state(word),
			     shut_state(fd, sock_of(ref), sock_state(word),
					how),
			     EVENT_CLOSE, sight);
	observe(fd, ref, sight);
}

void seen_setsockopt(int fd, int level, int name, const void *value,
		     socklen_t length, const struct sight *sight)
{
	uint64_t ref = table_find(fd);
	const struct linger *linger = value;
	uint64_t flag = 0;
	bool on = false;

	if (!ref || sight->result < 0 || length < sizeof(int))
		return;
	if (level == SOL_SOCKET && name == SO_REUSEADDR) {
		flag = SOCK_REUSEADDR;
		on = *(const int *)value != 0;
	} else if (level == SOL_SOCKET && name == SO_LINGER &&
		   length >= sizeof(*linger)) {
		flag = SOCK_LINGER_RESET;
		on = linger->l_onoff && linger->l_linger == 0;
	} else if (level == IPPROTO_TCP && name == TCP_REPAIR) {
		flag = SOCK_REPAIR;
		on = *(const int *)value == 1;
	} else if (level == IPPROTO_TCP && name == TCP_FASTOPEN) {
		sock_flag(ref, 0, SOCK_FAST_OPEN | SOCK_NO_FAST_OPEN);
	} else if (level == SOL_SOCKET && name == SO_RCVLOWAT) {
		atomic_store(&low_water, true);
	}
	if (flag)
		sock_flag(ref, on ? flag : 0, on ? 0 : flag);
	if (flag == SOCK_REUSEADDR && on)
		rule_reuseaddr_set(fd, ref, sight);
	seen_other(fd, sight);
}

void seen_getsockopt(int fd, int level, int name, const void *value,
		     const socklen_t *length, const struct sight *sight)
{
	uint64_t ref = table_find(fd);
	struct sight told = *sight;

	if (!ref)
		return;
	/* With no room for the answer the kernel takes any pointer. */
	if (sight->result == 0 && level == SOL_SOCKET && name == SO_ERROR &&
	    *length >= sizeof(int)) {
		told.error = *(const int *)value;
		if (told.error) {
			observe(fd, ref, &told);
			if (told.error == ECONNREFUSED)
				rule_connect_failed(fd, &sock_of(ref)->peer,
						    &told);
			return;
		}
	}
	seen_other(fd, sight);
}

void seen_other(int fd, const struct sight *sight)
{
	uint64_t ref = table_find(fd);
	uint64_t word;

	if (!ref || !sock_load(ref, &word))
		return;
	seen_used(fd, ref);
	if (word & SOCK_LOOK_ON_READ && sock_state(word) != ST_CLOSED)
		observe(fd, ref, sight);
}
