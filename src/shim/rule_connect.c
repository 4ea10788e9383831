/* Rules about connections that could not be made. */
#include <string.h>

#include "kernel/holders.h"
#include "kernel/route.h"
#include "kernel/socket.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"

struct listeners {
	const struct address *wanted;
	struct text *text;
	unsigned int count;
};

enum { LISTENERS_SHOWN = 4 };

static bool add_listener(const struct diag_row *row, void *argument)
{
	struct listeners *listeners = argument;

	if (row->state != ST_LISTEN)
		return true;
	if (listeners->count++ >= LISTENERS_SHOWN)
		return true;
	text_add(listeners->text, "on this machine a socket listens on ");
	text_add_address(listeners->text, &row->local);
	text_add(listeners->text,
		 holders_overlap(&row->local, row->v6only, listeners->wanted,
				 false)
			 ? ": it may have begun after this attempt\n"
			 : ", which is not the address that was asked for\n");
	return true;
}

/* What the kernel's table says of the port. */
static void add_listeners(struct text *text, const struct address *peer,
			  void *reply)
{
	struct listeners listeners = { .wanted = peer, .text = text };
	int rows = diag_port(peer->port, DIAG_LISTENING, add_listener,
			     &listeners, reply);

	if (listeners.count > LISTENERS_SHOWN) {
		text_add(text, "and ");
		text_add_number(text, listeners.count - LISTENERS_SHOWN);
		text_add(text, listeners.count == LISTENERS_SHOWN + 1
				       ? " more socket listens on that port\n"
				       : " more sockets listen on that port\n");
	}
	if (listeners.count > 0)
		return;
	if (rows < 0) {
		text_add(text, "who listens on that port");
		report_add_unasked(text, -rows);
		return;
	}
	text_add(text, "on this machine nobody listens on that port, on any "
		       "address\n");
}

static void say_refused(int fd, const struct address *peer,
			const struct sight *sight)
{
	struct subject subject = report_process();
	struct report report;

	if (!report_begin_about(&report, RULE_CONNECT_REFUSED, &subject,
				sight->place, peer))
		return;
	text_add(&report.scratch->message, "the connection of fd ");
	text_add_number(&report.scratch->message, fd);
	text_add(&report.scratch->message, " to ");
	text_add_address(&report.scratch->message, peer);
	text_add(&report.scratch->message, " was refused");
	add_listeners(&report.scratch->details, peer, report.scratch->reply);
	text_add(&report.scratch->help,
		 "start the server, or correct the address or the port");
	report_end(&report);
}

struct ports {
	const struct address *peer;
	struct address source; /* family 0: not known */
	unsigned int states[ST_COUNT];
	unsigned int total;
};

static bool count_port(const struct diag_row *row, void *argument)
{
	struct ports *ports = argument;

	if (!holders_same_address(&row->peer, ports->peer) ||
	    (ports->source.family &&
	     !holders_same_address(&row->local, &ports->source)))
		return true;
	ports->states[row->state]++;
	ports->total++;
	return true;
}

static void add_range(struct text *text, unsigned int low, unsigned int high)
{
	text_add(text, "net.ipv4.ip_local_port_range is ");
	text_add_number(text, low);
	text_add(text, " to ");
	text_add_number(text, high);
	text_add(text, ": ");
	text_add_number(text, high - low + 1);
	text_add(text, " ports\n");
}

static void add_taken(struct text *text, const struct ports *ports)
{
	text_add_number(text, ports->total);
	text_add(text, " are taken toward this destination\n");
	for (int i = 0; i < ST_COUNT; i++) {
		if (ports->states[i] == 0)
			continue;
		text_add_number(text, ports->states[i]);
		text_add(text, " of them in ");
		text_add(text, state_name((enum tcp_state)i));
		text_add(text, "\n");
	}
}

/*
 * Each local address has all ports of the range: those of others do not count.
 * The socket's own, where it is bound, or else the one that it would have got.
 */
static void find_source(int fd, struct ports *ports)
{
	kernel_socket_local(fd, &ports->source);
	if (!ports->source.family || holders_is_wildcard(&ports->source))
		route_source(ports->peer, &ports->source);
}

/*
 * Are the ports toward this destination really taken? EADDRNOTAVAIL also says
 * that there is no address to connect from, as where IPv6 is switched off.
 * Some ports of the range may be kept from us for other reasons, so half of
 * them will do.
 */
static bool count_ports(int fd, struct ports *ports, unsigned int range)
{
	struct scratch *scratch = scratch_take();

	if (!scratch)
		return false;
	find_source(fd, ports);
	diag_peer_port(ports->peer->port, count_port, ports, scratch->reply);
	scratch_give(scratch);
	return ports->total >= range / 2;
}

static const char *remedy_of(const struct address *peer,
			     const struct sight *sight)
{
	if (peer)
		return "keep connections open and use them again, let the "
		       "other side close first, or widen "
		       "net.ipv4.ip_local_port_range";
	if (call_kind(sight->call) == KIND_LISTEN)
		return "listen() without bind() takes a port of that range: "
		       "bind() to one outside, or widen "
		       "net.ipv4.ip_local_port_range";
	return "set IP_BIND_ADDRESS_NO_PORT before bind() of a client, or "
	       "widen net.ipv4.ip_local_port_range";
}

void rule_no_port_left(int fd, const struct address *peer,
		       const struct sight *sight)
{
	struct subject subject = report_process();
	struct ports ports = { .peer = peer };
	struct report report;
	struct text *text;
	unsigned int low;
	unsigned int high;

	if (!holders_ephemeral_range(&low, &high) ||
	    (peer && !count_ports(fd, &ports, high - low + 1)) ||
	    !report_begin(&report, RULE_EPHEMERAL_EXHAUSTED, &subject,
			  sight->place))
		return;
	text = &report.scratch->message;
	event_add_result(text, sight->call, sight->result, sight->error);
	text_add(text, ": no port is left for fd ");
	text_add_number(text, fd);
	if (peer) {
		text_add(text, " to connect to ");
		text_add_address(text, peer);
	}
	text = &report.scratch->details;
	add_range(text, low, high);
	if (peer)
		add_taken(text, &ports);
	text_add(&report.scratch->help, remedy_of(peer, sight));
	report_end(&report);
}

void rule_connect_failed(int fd, const struct address *peer,
			 const struct sight *sight)
{
	if (process_sandboxed() || peer->family == 0)
		return;
	if (sight->error == ECONNREFUSED)
		say_refused(fd, peer, sight);
	if (sight->error == EADDRNOTAVAIL)
		rule_no_port_left(fd, peer, sight);
}
