/*
 * What is known of a run: its processes, their sockets, what was found.
 *
 * Owns: all of it, until session_free. Fed by: decode (the ring), read_trace (a
 * stored run), supervise and aftermath (what the kernel says once a process has
 * ended). Read by: the renderers. Watchers are told of each event as it comes.
 * Every text in here is printable ASCII, and every time a whole number of
 * microseconds: they are made so on their way in.
 */
#ifndef COMMAND_SESSION_H
#define COMMAND_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command/symbols.h"
#include "model/event.h"

enum { SEVERITY_COUNT = SEVERITY_ERROR + 1 };

struct stack {
	uint32_t id;     /* in its process */
	uint32_t number; /* in the run, from 1 on */
	unsigned int count;
	struct stack *next;
	struct place *places[]; /* innermost first */
};

/* A socket that was there when a program began. */
struct inherited {
	struct inherited *next;
	uint64_t cookie;
	int fd;
	bool used; /* by a call of the program; also by its close */
};

/*
 * A process from its start, or its last exec, to its end or its next exec. Only
 * those that carry the library are here.
 */
struct process {
	struct process *next; /* in the order of their starts */
	uint32_t number;      /* in the run, from 1 on */
	int pid;
	int parent_pid;
	int own_pid;   /* as it is called in its own PID namespace */
	uint64_t pids; /* inode of that namespace; 0: the command's */
	bool hidden;   /* its pid is own_pid: the command's is not known */
	struct process *parent;      /* that forked it, NULL: not known */
	struct process *replaced;    /* what it was before the exec */
	struct process *replaced_by; /* what it became by an exec */
	bool forked;                 /* not begun by an exec */
	bool expected;               /* the call that executed it was told */
	bool finished;               /* its exit handlers have run */
	bool gone;                   /* the kernel has it no more */
	bool status_known;
	int status;            /* as of wait(2), when known */
	const char *program;   /* path of what is executed */
	const char *command;   /* the name that it was started by */
	const char *arguments; /* all, with blanks between them */
	uint64_t started;      /* CLOCK_REALTIME, ns */
	uint64_t ended;        /* 0: it has not */
	uint64_t network;      /* inode of the namespace it is in now */
	unsigned int found[SEVERITY_COUNT];
	unsigned int untold[RULE_COUNT]; /* findings beyond those it told */
	struct stack *stacks;
	struct inherited *inherited;
};

/* One transition. */
struct step {
	uint64_t time; /* CLOCK_REALTIME, ns */
	const struct edge *edge;
	struct process *process; /* that saw it */
	struct stack *stack;     /* of the call that made the socket */
	long result;
	int fd;
	int error;
	int unread;
	uint16_t call; /* enum call */
	uint8_t evidence;
	bool likely;
};

/* What the kernel says at the end of a run about a socket that it still has. */
struct leftover {
	bool timed;
	uint32_t expires; /* ms, when timed */
	uint32_t inode;   /* 0: no process holds it */
	int pid;          /* that holds it, 0: not known */
	int fd;
	const char *command;
	/* The other end, on this machine and not in this run. */
	enum tcp_state other_state; /* UNKNOWN: there is none */
	uint32_t other_inode;       /* 0: no process holds it */
	int other_pid;              /* 0: not known */
	int other_fd;
	const char *other_command;
};

/* What the kernel has counted of a connection. */
struct counters {
	bool known;
	uint32_t retransmits; /* segments that were sent again */
	uint64_t sent;        /* bytes */
	uint64_t received;    /* bytes */
};

struct tcp_socket {
	struct tcp_socket *next;
	uint32_t number; /* in the run, from 1 on */
	uint64_t cookie; /* 0: not known */
	struct process *owner;
	uint64_t network; /* inode of the namespace it was made in */
	struct tcp_socket *other_end; /* on this machine and in this run */
	int fd;                       /* the last number it had */
	enum role role;
	struct address local;
	struct address peer;
	enum tcp_state state;
	enum tcp_state open_state; /* at its process's end; UNKNOWN: closed */
	bool listened;
	bool released;  /* its owner has closed it, another process holds it */
	bool looked_up; /* since its process ended */
	bool succeeded; /* a newer one of the run has its two ends */
	int unread;     /* bytes that its process's end throws away */
	uint64_t first; /* times of the first and last step */
	uint64_t last;
	struct stack *born;
	struct process *closer;  /* that has called close, NULL: none */
	struct stack *closed_by; /* ... and where */
	struct step *steps;
	unsigned int step_count;
	unsigned int found;
	struct tcp_socket *live_next; /* of session->live */
	struct tcp_socket **live_at;  /* what leads here, NULL: not in it */
	struct tcp_socket *gone_next; /* of what aftermath has in hand */
	unsigned int worst; /* severity + 1 of what is not suppressed, 0: none */
	struct counters counters; /* at its close, or at its process's end */
	const char *name;         /* that the program gave it, NULL: none */
	struct leftover *left;    /* NULL: the kernel has it no more */
};

/* What any number of sockets come to. */
struct sums {
	unsigned int states[ST_COUNT]; /* sockets, by their last state */
	uint64_t sent;                 /* bytes */
	uint64_t received;
	uint64_t retransmits;
};

/* A line of a finding's details, or a stack. */
struct detail {
	const char *text; /* NULL: a stack */
	struct stack *stack;
	const char *indent;
};

struct found {
	struct found *next;
	enum rule rule;
	uint64_t time;
	struct process *process;   /* NULL: about the run */
	struct tcp_socket *socket; /* NULL: not about one */
	struct subject subject;    /* as it was then; fd -1: none */
	struct stack *stack;       /* NULL: none */
	const char *message;
	struct detail *details;
	unsigned int detail_count;
	const char *help;
	uint32_t about;        /* which of this stack; 0: the only one */
	unsigned int repeated; /* times it came again */
	bool suppressed;
	bool last; /* of its rule that its process will tell */
};

/* Told of each event, in order. Any of them may be NULL. */
struct watch {
	void (*started)(struct watch *, const struct process *);
	void (*ended)(struct watch *, const struct process *);
	void (*stack)(struct watch *, const struct process *,
		      const struct stack *);
	void (*transition)(struct watch *, const struct tcp_socket *,
			   const struct step *);
	void (*counters)(struct watch *, const struct tcp_socket *);
	void (*released)(struct watch *, const struct tcp_socket *,
			 const struct process *by);
	void (*inherited)(struct watch *, const struct process *,
			  uint64_t cookie, int fd);
	void (*finding)(struct watch *, const struct found *);
	void (*repeated)(struct watch *, const struct found *,
			 unsigned int count);
	void (*untold)(struct watch *, const struct process *, enum rule,
		       unsigned int count);
	void (*message)(struct watch *, const struct process *,
			const char *text);
	void (*named)(struct watch *, const struct process *, int fd,
		      uint64_t cookie, const char *name);
	void (*marked)(struct watch *, const struct process *, uint64_t time,
		       const char *label);
	void (*caught_up)(struct watch *); /* for now there is no more */
	void (*over)(struct watch *);      /* all is known of the run */
	struct watch *next;
};

struct session {
	struct process *processes;
	struct tcp_socket *sockets;
	struct tcp_socket *live; /* those neither in CLOSED nor in TIME_WAIT */
	struct found *found;
	unsigned int process_count;
	unsigned int socket_count;
	unsigned int stack_count;
	unsigned int folded; /* connections that were counted and dropped */
	struct sums dropped; /* sockets that are no longer here */
	unsigned int *edge_counts;           /* by row of machine_edges */
	unsigned int counts[SEVERITY_COUNT]; /* findings, not suppressed */
	unsigned int suppressed;
	uint64_t lost;  /* records that found no room in the ring */
	uint64_t holes; /* records that were begun and never finished */
	uint64_t started;
	uint64_t ended;
	const char *command_line;
	int status; /* of the program, as of wait(2) */
	bool cut;   /* a stored run whose end is not there */
	struct symbols *symbols;
	struct watch *watches;
	struct session_index *index;
};

struct session *session_new(void);
void session_free(struct session *session);
void session_watch(struct session *session, struct watch *watch);

/* The one copy of a text, made printable; it lives as long as the session. */
const char *session_text(struct session *session, const char *text);

/* The same of a text in which all that is foreign is printable already. */
const char *session_told(struct session *session, const char *text);

struct process *session_process(const struct session *session, uint32_t number);

/* The process that has (or had last) this pid, NULL if none that is known. */
struct process *session_pid(const struct session *session, int pid);

/* The process that is (or was last) called so in that PID namespace. */
struct process *session_own_pid(const struct session *session, uint64_t pids,
				int own_pid);

/*
 * A process begins. What is in `start` is copied; number, pid and started must
 * be set. A process of the same pid that was not forked anew is replaced.
 */
struct process *session_start(struct session *session,
			      const struct process *start);

/* Its exit handlers have run. */
void session_finished(struct session *session, struct process *process);

/* The kernel has it no more; status as of wait(2), NULL: not known. */
void session_gone(struct session *session, struct process *process,
		  uint64_t time, const int *status);

struct stack *session_add_stack(struct session *session,
				struct process *process, uint32_t id,
				struct place *const *places,
				unsigned int count);

/* The stack that has made the socket, in whatever process it was. */
void session_add_birth(struct session *session, struct process *process,
		       uint32_t id, uint64_t cookie);

/* NULL when the id is 0 or was never told. */
struct stack *session_stack(const struct process *process, uint32_t id);

/* A transition of the socket with this cookie, or on this descriptor. */
struct tcp_socket *session_step(struct session *session,
				const struct subject *subject,
				const struct step *step);

/* Its counters, which only grow. */
void session_counters(struct session *session, struct tcp_socket *socket,
		      const struct counters *counters);

/* The step, as the texts of events want it. */
struct transition session_transition(const struct tcp_socket *socket,
				     const struct step *step);

/* A call of the process has closed it (there). */
void session_closed(struct session *session, struct process *process,
		    uint64_t cookie, struct stack *stack);

/* It was there when the program of the process began. */
void session_inherited(struct session *session, struct process *process,
		       uint64_t cookie, int fd);

/* The program has put what it had inherited to a use. */
void session_used(struct process *process, uint64_t cookie);

/* The process has closed it; another process still holds it. */
void session_released(struct session *session, const struct process *process,
		      uint64_t cookie);

/* The socket with this cookie, NULL if there is none. */
struct tcp_socket *session_socket(const struct session *session,
				  uint64_t cookie);

void session_sum(struct sums *sums, const struct tcp_socket *socket);

/* Copies `found`; its details too. */
struct found *session_found(struct session *session, const struct found *found);

/* The finding of the process of this rule and stack, NULL if there is none. */
struct found *session_find(const struct session *session,
			   const struct process *process, enum rule rule,
			   const struct stack *stack, uint32_t about);

/*
 * The finding of this rule and stack of the process, or of the one that forked
 * it, came again. False: there is no such finding.
 */
bool session_repeated(struct session *session, const struct process *process,
		      enum rule rule, const struct stack *stack, uint32_t about,
		      unsigned int count);

/* Findings of this rule were made that the process does not tell: too many. */
void session_untold(struct session *session, struct process *process,
		    enum rule rule, unsigned int count);

void session_message(struct session *session, const struct process *process,
		     const char *text);

/*
 * The process has given a name ("": none) to the socket with this cookie, which
 * need not have done anything so far.
 */
void session_named(struct session *session, const struct process *process,
		   int fd, uint64_t cookie, const char *name);

/* The process has marked this point in time. */
void session_marked(struct session *session, const struct process *process,
		    uint64_t time, const char *label);

/* The socket as a line about it begins, in whatever process. */
struct subject session_subject(const struct tcp_socket *socket);

/* A blind-spot finding of the command's own. */
void session_blind(struct session *session, struct process *process,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What has happened so far has all been told. */
void session_caught_up(struct session *session);

/* The run is over, and what it was is complete. */
void session_over(struct session *session);

/* Times are kept to the microsecond: so much a stored run knows. */
static inline uint64_t session_time(uint64_t time)
{
	return time - time % 1000;
}

/* The last image of the process: what it was when it ended. */
const struct process *process_last_image(const struct process *process);

#endif
