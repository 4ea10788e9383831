/*
 * What holds a port: one pass over the kernel's table, and one over /proc for
 * the owners.
 *
 * Called by: the explanation of a failed bind (shim), the command. Not on the
 * data path. Async-signal-safe, allocates nothing, leaves errno alone.
 */
#ifndef KERNEL_HOLDERS_H
#define KERNEL_HOLDERS_H

#include "kernel/diag.h"
#include "kernel/owners.h"
#include "model/event.h"
#include "model/holder.h"

enum { HOLDERS_MAX = 8, HOLDER_OWNERS_MAX = 4 };

/* What is wanted. */
struct holder_query {
	struct address address;
	bool v6only;    /* IPV6_V6ONLY of the socket that wants it */
	bool reuseport; /* its SO_REUSEPORT */
	/* Its SO_COOKIE, 0: none. Bound, it is on the port, and no holder. */
	uint64_t cookie;
};

struct holder {
	struct diag_row row;
	enum holder_class class;
	struct owner owners[HOLDER_OWNERS_MAX];
	unsigned int owner_count; /* may exceed what is stored */
};

struct holders {
	struct holder list[HOLDERS_MAX]; /* listeners first */
	unsigned int count;              /* stored */
	unsigned int total;              /* found */
	unsigned int beside;             /* connections beside a listener */
	int unreadable;                  /* processes that could not be read */
	int cut;   /* processes that were not looked at, or not in full */
	int error; /* -errno when nothing could be asked */
};

/*
 * Connections on the port of a socket that listens there are only counted: it
 * is the listener that keeps the port. reply: room for the kernel's answers, at
 * least DIAG_REPLY_SIZE bytes.
 */
void holders_find(const struct holder_query *query, struct holders *holders,
		  void *reply);

/* Do two local addresses on one port exclude each other? */
bool holders_overlap(const struct address *a, bool a_v6only,
		     const struct address *b, bool b_v6only);

/* Is it one address? An IPv4-mapped one is that of IPv4. Ports do not count. */
bool holders_same_address(const struct address *a, const struct address *b);

/* 0.0.0.0, [::], or [::ffff:0.0.0.0]? */
bool holders_is_wildcard(const struct address *address);

/*
 * How a socket that overlaps holds what is wanted. Of a connection role tells
 * which side had the port; ROLE_NONE, not known: then it is guessed. Costs some
 * microseconds for a connection: the range of ephemeral ports is read, and the
 * kernel asked for a listener.
 */
enum holder_class holders_classify(const struct holder_query *query,
				   const struct diag_row *row, enum role role);

/* net.ipv4.ip_local_port_range; false when it cannot be read. */
bool holders_ephemeral_range(unsigned int *low, unsigned int *high);

#endif
