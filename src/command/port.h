/*
 * Who holds a port: the question, the answer, and its two forms.
 *
 * Called by: cmd_port, tests. port_find asks the kernel and /proc and tries to
 * bind; the rest is pure.
 */
#ifndef COMMAND_PORT_H
#define COMMAND_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "command/proc.h"
#include "command/terminal.h"
#include "kernel/holders.h"

/*
 * Sockets that listen or are only bound are all shown; of each other state so
 * many, the rest is counted.
 */
enum { PORT_SHOWN_MAX = 4 };

struct port_request {
	bool any; /* a port alone: as a server that takes all addresses */
	struct address address; /* family 0 when any */
	uint32_t scope;         /* of a link-local address */
};

struct port_holder {
	struct diag_row row;
	enum holder_class class;
	struct diag_activity activity;
	struct owner *owners;
	size_t owner_count;
};

/* What bind() answered: 0 or -errno. */
struct port_bind {
	struct address address;
	long plain;
	long reuseaddr;
	long reuseport;
};

struct port_answer {
	struct port_request request;
	struct timespec asked; /* CLOCK_REALTIME */
	struct port_bind binds[2];
	unsigned int bind_count;
	struct port_holder *holders;
	size_t holder_count;
	unsigned int total;              /* holders, shown or not */
	unsigned int states[ST_COUNT];   /* the same by state */
	uint32_t longest_wait[ST_COUNT]; /* ms; 0: does not end by itself */
	struct proc *processes;          /* the owners */
	size_t process_count;
	int unreadable; /* processes that could not be looked into */
	bool root;      /* asked as root, who usually sees all of them */
	int error;      /* -errno when the kernel could not be asked */
};

/*
 * "5188", "*:5188", "127.0.0.1:5188", "[::1]:5188". Returns NULL, or a sentence
 * that says what is wrong; the caller frees it.
 */
char *port_parse(const char *text, struct port_request *request);

void port_find(const struct port_request *request, struct port_answer *answer);
void port_free(struct port_answer *answer);

/* Would a plain bind() fail, or (where that cannot be tried) is it held? */
bool port_is_held(const struct port_answer *answer);

/*
 * The classes that an advice is due for, most important first. Where somebody
 * listens, that is the cause, and what else is on the port is not. Returns
 * their number.
 */
size_t port_causes(const struct port_answer *answer,
		   enum holder_class causes[static HOLDER_COUNT]);

void port_print_text(const struct port_answer *answer,
		     const struct paper *paper);

/* 0, or -1 when it could not be written. The shape: docs/port.schema.json. */
int port_print_json(const struct port_answer *answer, FILE *out);

#endif
