/*
 * The wrapped calls by number and name.
 *
 * Owns: the table of calls.def. Called by: everybody.
 * Pure: no I/O, no allocation, async-signal-safe.
 */
#ifndef MODEL_CALL_H
#define MODEL_CALL_H

/* What a call is about. */
enum call_kind {
	KIND_NONE,
	KIND_SOCKET,
	KIND_BIND,
	KIND_LISTEN,
	KIND_CONNECT,
	KIND_ACCEPT,
	KIND_SHUTDOWN,
	KIND_OPTION,
	KIND_NAME,
	KIND_READ,
	KIND_WRITE,
	KIND_CLOSE,
	KIND_DUP,
	KIND_PROCESS,
};

enum call_flags {
	CALL_PLAIN = 0,
	CALL_ALIAS = 1,    /* a second exported name of another row */
	CALL_OPTIONAL = 2, /* an older libc may lack it */
};

enum call {
	CALL_NONE, /* no call: the end of the process, a lookup */
#define CALL(symbol, kind, flags) CALL_##symbol,
#include "model/calls.def"
#undef CALL
	CALL_COUNT
};

/* "accept4"; for CALL_NONE "exit". */
const char *call_name(enum call call);

enum call_kind call_kind(enum call call);

/* Bits of enum call_flags. */
int call_flags(enum call call);

#endif
