/*
 * The sockets that are followed: one record each, in memory of our own.
 *
 * Owns: the records, their reference counts and their life after close (as
 * ghosts). Called by: the descriptor table, observe, closing. Lock-free and
 * async-signal-safe; memory comes from mmap, 64 KiB at a time, and is never
 * given back. sock_state is on the data path, the rest is not.
 *
 * A record may be reused for another socket while another thread still holds
 * its address. So everybody holds a *reference*: the address and the record's
 * generation in one word. Every change goes through a compare-and-swap on
 * sock->word, which holds the generation too; a stale reference changes
 * nothing.
 */
#ifndef SHIM_SOCK_H
#define SHIM_SOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "model/state.h"

/* word: state 0-3, flags 4-31, count of steps 32-47, generation 48-63 */
enum sock_flags {
	SOCK_LOOK_ON_READ = 1 << 4,  /* a good read may hide a step */
	SOCK_LOOK_ON_WRITE = 1 << 5, /* the kernel is asked before a write */
	SOCK_PASSED = 1 << 6,        /* another process may hold it too */
	SOCK_REUSEADDR = 1 << 7,     /* set by the program */
	SOCK_LINGER_RESET = 1 << 8,  /* SO_LINGER with time 0 */
	SOCK_REPAIR = 1 << 9,        /* TCP_REPAIR: closes in silence */
	SOCK_STDIO = 1 << 10,        /* a FILE reads and writes unseen */
	SOCK_DOOMED_WRITE = 1 << 11, /* was written to in CLOSE_WAIT */
	SOCK_DOOM_SAID = 1 << 12,    /* ... and that was reported */
	SOCK_SHUT_WRITE = 1 << 13,   /* the program shut its sending side */
	SOCK_SILENT_GHOST = 1 << 14, /* closed here, still held elsewhere */
	SOCK_WRITE_FAILED = 1 << 15, /* a write has returned EPIPE or so */
	SOCK_BOUND = 1 << 16,        /* by bind(), to an address */
	SOCK_BOUND_PORT = 1 << 17,   /* ... and a port that was asked for */
	SOCK_INHERITED = 1 << 18,    /* was there when the program started */
	SOCK_USED = 1 << 19,         /* ... and used by a call of its own */
	SOCK_SAW_END = 1 << 20,      /* the program has read the end of file */
	SOCK_LEAK_SAID = 1 << 21,    /* reported as left in CLOSE_WAIT */
	SOCK_HELD_SAID = 1 << 22,    /* reported as held after its close */
	SOCK_CLOSED_ONE = 1 << 23,   /* a close() left another descriptor */
	SOCK_FAST_OPEN = 1 << 24,    /* a listener with TCP_FASTOPEN */
	SOCK_NO_FAST_OPEN = 1 << 25, /* ... without */
	SOCK_SHUT_READ = 1 << 26,    /* the program shut its receiving side */
	SOCK_COPIED = 1 << 27,       /* has, or had, several numbers */
	SOCK_ERROR_UNREAD =
		1 << 28,          /* why connect() failed is still to be told */
	SOCK_ELSEWHERE = 1 << 29, /* in another network namespace, maybe */
	SOCK_ONLY_ALERTS = 1 << 30, /* what is unread says good-bye in TLS */
};

/*
 * All but the two ends and the credit are atomic: a thread with a stale
 * reference may read what belongs to the record's next socket. What it reads
 * counts for nothing then.
 */
struct sock {
	_Atomic uint64_t word;
	_Atomic uint64_t cookie;     /* SO_COOKIE, read at birth */
	_Atomic uint32_t references; /* descriptors in this process */
	_Atomic uint32_t last_write; /* clock_now(), ms */
	struct address local;
	struct address peer;
	_Atomic uint32_t next;           /* index of the next in a list */
	_Atomic uint32_t epoch;          /* process_epoch at birth */
	_Atomic uint32_t touched;        /* ... when last looked at */
	_Atomic uint32_t peer_closed_at; /* clock_now(), 0: it has not */
	_Atomic uint32_t
		accepted_before;       /* connections, when its end was read */
	_Atomic uint32_t closed_at;    /* clock_now(), of the last close */
	_Atomic uint32_t data;         /* bytes sent and read until then */
	_Atomic int fd;                /* the last number it had */
	_Atomic int unread;            /* bytes thrown away by the close */
	_Atomic uint32_t born;         /* stack_id of the call that made it */
	_Atomic uint32_t closed_by;    /* ... of its close */
	_Atomic uint32_t doomed_write; /* ... of the first in CLOSE_WAIT */
	int credit; /* writes that need no look at the clock: see sock_spend */
	_Atomic uint32_t quick;      /* writes in a row that came fast */
	_Atomic uint8_t role;        /* enum role */
	_Atomic uint8_t doomed_call; /* enum call of doomed_write */
	_Atomic bool bound_reuse;    /* SO_REUSEADDR was on at SOCK_BOUND */
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct sock) == 128, "see docs: memory per socket");

/*
 * For what is told of a socket and orders nothing. A mere assignment would be
 * one of the processor's locked operations, which waits for every store before
 * it, and those go to memory that was not used for long.
 */
#define sock_set(sock, field, value) \
	atomic_store_explicit(&(sock)->field, value, memory_order_relaxed)

/*
 * A reference: the address in the upper 48 bits, the generation in the lower
 * 16; 0 is none. Addresses of programs have 47 bits, so the top bit is free.
 */
static inline struct sock *sock_of(uint64_t ref)
{
	return (struct sock *)(uintptr_t)(ref >> 16);
}

extern struct sock sock_none __attribute__((visibility("hidden")));

/*
 * A reference that was always stale: its word asks for every look, and no look
 * finds a socket. For wrappers that have nothing else to hand on.
 */
static inline uint64_t sock_nobody(void)
{
	return (uint64_t)(uintptr_t)&sock_none << 16 | 1;
}

static inline uint64_t sock_ref_generation(uint64_t ref)
{
	return ref & 0xffff;
}

static inline uint64_t sock_generation(uint64_t word)
{
	return word >> 48;
}

static inline enum tcp_state sock_state(uint64_t word)
{
	return word & 0xf;
}

/*
 * Is this write free? On the data path: one instruction on a line that is
 * needed anyway. Not atomic: of two writers at once both may get the last one,
 * and one may keep some that has just been taken from it.
 */
static inline bool sock_spend(uint64_t ref)
{
	return --sock_of(ref)->credit >= 0;
}

static inline void sock_give_credit(struct sock *sock, int writes)
{
	__atomic_store_n(&sock->credit, writes, __ATOMIC_RELAXED);
}

/* Before the process goes into a sandbox: no write is free any more. */
void sock_end_credit(void);

/* The word with another state, one more step, and the flags it implies. */
uint64_t sock_stepped(uint64_t word, enum tcp_state state);

/* Room for some hundred records, before memory can be had no more. */
void sock_reserve(void);

/* A new record with one reference; 0 when there is no memory. */
uint64_t sock_create(uint64_t cookie, enum tcp_state state);

/* The current word; false when ref is stale. */
static inline bool sock_load(uint64_t ref, uint64_t *word)
{
	*word = atomic_load(&sock_of(ref)->word);
	return sock_generation(*word) == sock_ref_generation(ref);
}

/*
 * Does the record still hold what it held when ref was valid? So until it is
 * taken for another socket, even after sock_free.
 */
bool sock_remembers(uint64_t ref);

/* Replaces *word by next; on failure *word is the current one. */
bool sock_swap(uint64_t ref, uint64_t *word, uint64_t next);

/* Sets and clears flags; false when ref is stale. */
bool sock_flag(uint64_t ref, uint64_t set, uint64_t clear);

/* Another descriptor; false when the last one is being closed. */
bool sock_hold(uint64_t ref);

/* One descriptor less; true when it was the last. The record stays. */
bool sock_release(uint64_t ref);

/* One descriptor after all, where sock_release has just said "the last". */
bool sock_revive(uint64_t ref);

/* Gives the record back. */
void sock_free(uint64_t ref);

/* The index of a record, for lists through sock->next; 0 is no record. */
uint32_t sock_index(uint64_t ref);
uint64_t sock_at(uint32_t index);

/*
 * Ghosts: closed sockets that the kernel may still have. The newest GHOST_MAX
 * are kept. ghost_add takes the record over; ghost_forget gives it back.
 */
enum { GHOST_MAX = 1024 };
void ghost_add(uint64_t ref);

/*
 * A ghost will be added soon: the record that will have to go for it, unused
 * since long, is fetched while the kernel is at work.
 */
void ghost_prepare(void);

void ghost_forget(unsigned int slot, uint64_t ref);

/* The socket is here again: the ghost of it has no more to tell. */
void ghost_silence(uint64_t cookie);

/* The slots below this one have been used. */
unsigned int ghost_end(void);

/* The ghost in a slot below ghost_end(), 0: none. */
uint64_t ghost_at(unsigned int slot);

#endif
