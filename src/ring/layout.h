/*
 * The ring: how events leave a program that runs under `tcpshadow run`.
 *
 * One mapping, shared by the command and by every process of the run. The
 * command makes it (a memfd, so that nothing is left behind whoever is killed),
 * the library appends to it (append.h), the command reads it (read.h). It holds
 * slots of 64 bytes; a record is one or more slots in a row. Both sides are of
 * one build: `tables` tells them apart if not.
 *
 * Slots are numbered from 0 on without end; number N lives at N modulo
 * slot_count. A slot is published when its word carries its own number, which
 * is stored last. What a killed writer never published is a hole.
 */
#ifndef RING_LAYOUT_H
#define RING_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "model/build.h"
#include "model/call.h"
#include "model/event.h"
#include "model/rule.h"
#include "model/text.h"

#define RING_MAGIC 0x776f646168737074ULL /* "tpshadow" */

enum {
	RING_VERSION = 3,
	RING_SLOTS_AT = 4096, /* offset of the first slot, in bytes */
	RING_PAYLOAD = 56,    /* bytes of a record in each slot */
	RING_RECORD_SLOTS = 255,
	RING_RECORD_BYTES = RING_RECORD_SLOTS * RING_PAYLOAD,
	RING_TABLES = RULE_COUNT << 16 | CALL_COUNT,
};

struct ring {
	uint64_t magic;
	uint32_t version;
	uint32_t tables;
	uint32_t slot_count; /* a power of two */
	uint32_t unused;
	uint64_t run; /* random: not the ring of another run */
	/* Slots below `freed` may be written again; the command moves it. */
	_Alignas(64) _Atomic uint64_t freed;
	_Alignas(64) _Atomic uint64_t reserved;
	_Alignas(64) _Atomic uint64_t lost; /* records that found no room */
	_Atomic uint32_t processes;         /* given out, as `process` below */
};

/* word: number + 1 in the upper 40 bits, then kind, index, count: 8 each. */
struct ring_slot {
	_Atomic uint64_t word;
	unsigned char payload[RING_PAYLOAD];
};

static inline uint64_t ring_word(uint64_t number, unsigned int kind,
				 unsigned int index, unsigned int count)
{
	return (number + 1) << 24 | kind << 16 | index << 8 | count;
}

enum ring_kind {
	RING_START = 1, /* a process begins to be followed */
	RING_END,       /* its destructor (or _exit) has run */
	RING_EXEC,      /* is about to execute a program */
	RING_EXEC_FAILED,
	RING_MODULE,   /* a loaded object that stacks lie in */
	RING_STACK,    /* a stack that later records name */
	RING_WALK,     /* steps of a socket, and maybe its close */
	RING_CLOSED,   /* by a call of the process, and no step shows it */
	RING_RELEASED, /* closed here, and still held by another process */
	RING_FINDING,
	RING_AGAIN,     /* how often a finding came again */
	RING_MESSAGE,   /* a line about the library's own settings */
	RING_COUNTERS,  /* what a connection has carried */
	RING_NAME,      /* that the program has given to a socket */
	RING_MARK,      /* a point in time that the program has marked */
	RING_NETWORK,   /* sockets are made in another network namespace now */
	RING_UNREAD,    /* bytes that its end throws away, with a reset */
	RING_INHERITED, /* a socket that was there when it began */
	RING_USED,      /* ... and that it has put to a use */
	RING_BIRTH,     /* a stack that the run knows: it made a socket */
	RING_KIND_COUNT
};

/* How every record begins. */
struct ring_head {
	uint64_t time;    /* CLOCK_REALTIME, ns */
	uint32_t process; /* a number of its own for each process of the run */
	int32_t pid;      /* as it is called in its own PID namespace */
};

enum { RING_FORKED = 1 }; /* flags of ring_start: not after an exec */

struct ring_start { /* then: path, name, arguments, each with a NUL */
	struct ring_head head;
	int32_t parent_pid;
	uint32_t parent; /* `process` of the parent when forked, else 0 */
	uint32_t flags;
	int32_t seen_pid; /* in the command's PID namespace; 0: not known */
	uint64_t network; /* inode of its network namespace; 0: the parent's */
	uint64_t pids;    /* of its PID namespace, where seen_pid is not pid */
};

struct ring_end {
	struct ring_head head;
};

struct ring_exec { /* then: the path */
	struct ring_head head;
	int32_t child; /* the pid that executes it, as its parent knows it */
	uint32_t unused;
};

struct ring_module { /* then: the path */
	struct ring_head head;
	uint64_t base; /* link_map l_addr + 1: what addresses are relative to */
	struct build build; /* as mapped: the path may lead to another */
};

struct ring_stack { /* then: ring_frame, count times */
	struct ring_head head;
	uint32_t id;
	uint32_t count;
};

struct ring_frame {
	uint64_t base;    /* of a ring_module; 0: in no object */
	uint64_t address; /* the return address, relative to it */
};

struct ring_birth {
	struct ring_head head;
	uint64_t cookie;
	uint32_t id; /* of the stack, in this process */
	uint32_t unused;
};

struct ring_walk {
	struct ring_head head;
	struct walk walk;
};

struct ring_closed {
	struct ring_head head;
	uint64_t cookie;
	uint32_t stack; /* of the close, 0: none */
	uint32_t unused;
};

struct ring_released {
	struct ring_head head;
	uint64_t cookie;
};

struct ring_counters {
	struct ring_head head;
	uint64_t cookie;
	uint64_t sent;
	uint64_t received;
	uint32_t retransmits;
	uint32_t unused;
};

struct ring_finding { /* then: message, details, help, each with a NUL */
	struct ring_head head;
	uint64_t cookie; /* 0: not about one socket */
	int32_t fd;
	uint32_t stack;
	uint8_t rule;
	uint8_t role;
	uint8_t last;       /* of its rule that will be told */
	uint8_t suppressed; /* by the library */
	uint32_t about;     /* 0: this stack has one finding only */
	struct address local;
	struct address peer;
};

struct ring_again {
	struct ring_head head;
	uint32_t stack;
	uint16_t rule;
	uint16_t untold; /* at places of which no finding was told */
	uint32_t count;
	uint32_t about; /* as in its finding */
};

struct ring_message { /* then: the text */
	struct ring_head head;
};

struct ring_name { /* then: the name; "": none any more */
	struct ring_head head;
	uint64_t cookie;
	int32_t fd;
	uint32_t unused;
};

struct ring_network {
	struct ring_head head;
	uint64_t network; /* its inode */
};

/* In a sandbox it cannot be asked for: another one than before. */
#define RING_NETWORK_UNKNOWN UINT64_MAX

struct ring_mark { /* then: the label */
	struct ring_head head;
};

struct ring_inherited { /* also of RING_USED */
	struct ring_head head;
	uint64_t cookie;
	int32_t fd;
	uint32_t unused;
};

struct ring_unread {
	struct ring_head head;
	uint64_t cookie;
	uint32_t bytes;
	uint32_t unused;
};

/*
 * Inside details: a line that begins with this byte stands for a stack; the
 * decimal id follows, then a blank and the indent of its lines. It cannot come
 * from outside: foreign text is made printable.
 */
#define RING_STACK_MARK '\x01'

/*
 * Likewise: the line stands for what the run knows of a socket, of whatever
 * process; its decimal cookie follows.
 */
#define RING_SOCKET_MARK '\x02'

#endif
