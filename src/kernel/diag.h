/*
 * What the kernel says about sockets that no descriptor of ours leads to:
 * NETLINK_SOCK_DIAG (sock_diag(7)), by exact 4-tuple or by local port.
 *
 * Called by: the shim where a socket has been closed or a bind has failed, the
 * command, tests. Not on the data path: one lookup costs about 10 us, most of
 * it for opening the netlink socket, which is closed again before the function
 * returns (the library holds no descriptor). Async-signal-safe, allocates
 * nothing, leaves errno alone. Needs no privilege; sees the caller's network
 * namespace only.
 */
#ifndef KERNEL_DIAG_H
#define KERNEL_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "model/state.h"
#include "model/text.h"

struct diag_row {
	struct address local;
	struct address peer; /* port 0: none */
	enum tcp_state state;
	bool timed;             /* the state ends by itself, after expires */
	uint32_t expires;       /* milliseconds, when timed */
	uint32_t inode;         /* 0: no process holds it any more */
	uint32_t uid;           /* of the owner; 0 too when there is none */
	uint64_t cookie;        /* SO_COOKIE */
	uint32_t receive_queue; /* bytes; of a listener: connections waiting */
	uint32_t send_queue;    /* bytes; of a listener: its backlog */
	bool v6only;
};

/*
 * The socket with exactly these ends. Returns 1 and fills row, 0 when the
 * kernel has none, -errno when it could not be asked. A listener on the local
 * port answers for a connection that is gone: compare the cookie.
 */
int diag_find(const struct address *local, const struct address *peer,
	      struct diag_row *row);

/*
 * The same for many lookups in a row, 3 us each: diag_open gives a descriptor
 * (or -errno) that the caller closes by raw_close as soon as it is done; in a
 * program that is followed it is borrowed (borrow.h).
 */
int diag_open(void);
int diag_find_with(int fd, const struct address *local,
		   const struct address *peer, struct diag_row *row);

/*
 * SO_NETNS_COOKIE of the caller's network namespace: what has another is not
 * found. 0 where it is not told (before Linux 5.14, or without a descriptor).
 */
uint64_t diag_namespace(void);

/*
 * The same with what the kernel remembers of a connection's traffic
 * (INET_DIAG_INFO). It keeps no time of birth; but where no data has flowed in
 * a direction, the time since is the time since the handshake.
 */
struct diag_activity {
	bool known;              /* the rest counts; never for TIME_WAIT */
	bool sent;               /* data has been sent, */
	bool received;           /* and received */
	uint32_t since_sent;     /* milliseconds since the last of it */
	uint32_t since_received; /* likewise */
	uint32_t since_heard;    /* since the last acknowledgment came */
};

int diag_activity_with(int fd, const struct address *local,
		       const struct address *peer, struct diag_row *row,
		       struct diag_activity *activity);

/*
 * All sockets on a local port, IPv4 and IPv6, bound-only ones included (on
 * kernels that know state 13, from 6.8 on). `each` is called for every row
 * until it returns false. Returns the number of rows, or -errno. reply is room
 * for the kernel's answers.
 */
enum { DIAG_REPLY_SIZE = 16384 };
enum diag_states { DIAG_ALL, DIAG_LISTENING };
int diag_port(uint16_t port, enum diag_states states,
	      bool (*each)(const struct diag_row *, void *), void *argument,
	      void *reply);

/* The same for all sockets with that port at the other end. */
int diag_peer_port(uint16_t port, bool (*each)(const struct diag_row *, void *),
		   void *argument, void *reply);

#endif
