/*
 * The slow path: what a call showed, held against the kernel, moves the shadow.
 *
 * Owns: every step of the state machine. Called by: the wrappers when a call
 * was not the data path's good case (DESIGN: the life of a call). Lock-free,
 * async-signal-safe, allocates nothing, leaves errno alone; one to three system
 * calls.
 */
#ifndef SHIM_OBSERVE_H
#define SHIM_OBSERVE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/socket.h"
#include "model/call.h"
#include "model/machine.h"
#include "shim/sock.h"
#include "shim/table.h"

/* What a call showed. */
struct sight {
	enum call call;
	long result;
	int error;         /* errno when result is -1, else 0 */
	const void *place; /* the caller's return address */
	int pending;       /* the connection's error, where it was asked for */
	bool closes;       /* the call has closed the socket here */
};

/* The sight of a call that has just returned; must come before anything that
 * may change errno. */
static inline struct sight sight_of(enum call call, long result,
				    const void *place)
{
	return (struct sight){ .call = call,
			       .result = result,
			       .error = result < 0 ? errno : 0,
			       .place = place };
}

/*
 * As observe; and what the connection has carried, by the same system call.
 * counters may be NULL; they are left alone where the kernel was not asked.
 */
void observe_counters(int fd, uint64_t ref, const struct sight *sight,
		      struct kernel_counters *counters);

/*
 * Brings the shadow of the socket behind fd up to date with the kernel. The
 * sight gives the reason of the last step where it can. A number that leads to
 * another socket by now (closed unseen) is dropped and adopted anew.
 */
static inline void observe(int fd, uint64_t ref, const struct sight *sight)
{
	observe_counters(fd, ref, sight, NULL);
}

/*
 * The same, where the kernel has shown the state already by another call. False
 * when the shadow could not follow: the number leads to another socket by now.
 */
bool observe_shown(int fd, uint64_t ref, enum tcp_state state,
		   const struct sight *sight);

/*
 * A step that the call itself proves, before the kernel is asked. False when
 * the socket is in another state than `from`: what another thread's call has
 * seen meanwhile is newer.
 */
bool observe_step(int fd, uint64_t ref, enum tcp_state from, enum tcp_state to,
		  enum tcp_event event, const struct sight *sight);

/* After a call that reads: decides whether there is anything to look at. */
void observe_read(int fd, uint64_t ref, const struct sight *sight);

/* Does a good read need a look? On the data path. */
static inline bool observe_wants_read(uint64_t ref)
{
	return atomic_load_explicit(&sock_of(ref)->word, memory_order_relaxed) &
	       SOCK_LOOK_ON_READ;
}

/*
 * The steps that a socket had made before the program was given it. It is born
 * in the state where they led: a fork() of another thread may come at any
 * moment, and its child must not find it half-way.
 */
void observe_born(int fd, uint64_t ref, enum tcp_state from, enum tcp_state to,
		  enum tcp_event event, const struct sight *sight);

/*
 * Follows a new descriptor: a socket that the program has just made. state is
 * what the call says. 0 when there is no memory for it.
 */
uint64_t observe_birth(int fd, enum tcp_state state, const void *place);

/*
 * Follows a TCP socket that is there already (inherited, received, or made
 * behind our back), in the state in which the kernel has it. 0: not TCP.
 */
uint64_t observe_adopt(int fd);

/* The record of a socket that has a number here, or had it just now. 0: none. */
uint64_t observe_known(uint64_t cookie);

/* The reference behind fd; adopts it when it is a TCP socket unknown so far. */
uint64_t observe_find(int fd);

/* May another process hold the socket too, and have moved it? */
bool observe_is_shared(const struct sock *sock, uint64_t word);

/*
 * Right after our FIN went out on an open socket: does the kernel show that the
 * peer's FIN had come before it?
 */
bool observe_peer_closed_first(int fd, const struct sock *sock);

/* Learns the ends of the socket from the kernel. */
void observe_names(int fd, uint64_t ref);

/*
 * Looks a closed socket up, by its ends and its cookie. True when the kernel
 * has it no more, so that the ghost can go.
 */
bool observe_ghost(uint64_t ref, enum call call);

/*
 * Around a call that takes the process to another network namespace: from there
 * sockets are looked up in vain that were made before.
 */
void observe_leaving_network(enum call call);
void observe_left_network(void);

/* Which one that is is asked again before it is next compared. */
void observe_forget_network(void);

/* The ghosts of this process on a port (0: on any): settles each. */
void observe_ghosts(enum call call, uint16_t port);

/*
 * old was in the table on the number of a socket with this cookie. Another
 * thread may have come upon the number between the real call and now, and have
 * adopted the same socket: then it goes without a word.
 */
void observe_succeeded(uint64_t old, uint64_t cookie,
		       const struct sight *sight);

/*
 * ref was taken out of the table for a new socket on its number: it was closed
 * unseen, or by the dup2() of which the sight is.
 */
void observe_replaced(uint64_t ref, const struct sight *sight);

/* fd no longer leads to ref: it was closed by a call that we could not see. */
void observe_vanished(int fd, uint64_t ref, const struct sight *sight);

#endif
