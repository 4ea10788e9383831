#include "command/aftermath.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command/ending.h"
#include "command/say.h"
#include "kernel/diag.h"
#include "kernel/owners.h"

/* The kernel keeps TIME_WAIT for 60 s (TCP_TIMEWAIT_LEN). */
#define TIME_WAIT_NS 60000000000ULL

void aftermath_begin(struct aftermath *aftermath, struct session *session)
{
	struct stat status;

	*aftermath =
		(struct aftermath){ .session = session, .diag = diag_open() };
	if (stat("/proc/self/ns/net", &status) == 0)
		aftermath->network = status.st_ino;
}

void aftermath_end(struct aftermath *aftermath)
{
	if (aftermath->diag >= 0)
		close(aftermath->diag);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static bool can_be_asked(const struct aftermath *aftermath,
			 const struct tcp_socket *socket)
{
	return socket->state != ST_CLOSED && socket->cookie != 0 &&
	       aftermath->diag >= 0 &&
	       (socket->network == 0 || socket->network == aftermath->network);
}

enum presence {
	IS_GONE,
	IS_HERE,
	IS_REPLACED, /* a newer connection has its two ends */
};

static enum presence look_up(const struct aftermath *aftermath,
			     const struct tcp_socket *socket,
			     struct diag_row *row)
{
	struct address nobody = { .family = socket->local.family };

	if (diag_find_with(aftermath->diag, &socket->local,
			   socket->state == ST_LISTEN ? &nobody : &socket->peer,
			   row) != 1)
		return IS_GONE;
	if (row->cookie == socket->cookie)
		return IS_HERE;
	return row->peer.port == socket->peer.port ? IS_REPLACED : IS_GONE;
}

static struct step step_of(const struct tcp_socket *socket)
{
	return (struct step){ .time = now(),
			      .process = socket->owner,
			      .stack = socket->born,
			      .fd = socket->fd,
			      .evidence = EVIDENCE_KERNEL };
}

static bool is_reset(enum fate fate)
{
	return fate == FATE_WAS_RESET || fate == FATE_RESET_OTHER;
}

/* Who knows more comes first: the exit itself, the other end, the clock. */
static void settle_gone(struct aftermath *aftermath, struct tcp_socket *socket,
			enum presence presence)
{
	struct step step = step_of(socket);
	enum fate fate = ending_fate(socket);

	if (socket->unread > 0)
		fate = FATE_RESET_OTHER;
	else if (presence == IS_REPLACED && !is_reset(fate))
		fate = FATE_SUCCEEDED;
	else if (step.time > socket->last + TIME_WAIT_NS &&
		 fate == FATE_UNKNOWN)
		fate = FATE_WAITED;
	step.unread = fate == FATE_RESET_OTHER ? socket->unread : 0;
	ending_tell(aftermath->session, socket, &step, fate);
	socket->looked_up = true;
}

static void settle_here(struct aftermath *aftermath, struct tcp_socket *socket,
			const struct diag_row *row)
{
	struct step step = step_of(socket);

	if (row->state != socket->state)
		ending_tell_state(aftermath->session, socket, &step,
				  row->state);
	/* Nobody is left that could do anything with it. */
	if (row->inode == 0)
		socket->released = false;
	socket->looked_up = true;
}

/* The kernel's word on a socket that its process can no longer tell about. */
static bool settle(struct aftermath *aftermath, struct tcp_socket *socket,
		   struct diag_row *row)
{
	enum presence presence = look_up(aftermath, socket, row);

	if (presence == IS_HERE)
		settle_here(aftermath, socket, row);
	else
		settle_gone(aftermath, socket, presence);
	return presence == IS_HERE;
}

/* What its owner has released the process may have held as well. */
static bool is_concerned(const struct tcp_socket *socket,
			 const struct process *process)
{
	return socket->released ||
	       (process_last_image(socket->owner) == process &&
		!socket->looked_up);
}

/*
 * Those that are there still come first, and those whose end is known: how the
 * others have ended may depend on their other ends.
 */
void aftermath_of_process(struct aftermath *aftermath,
			  const struct process *process)
{
	struct tcp_socket *gone = NULL;
	struct tcp_socket *next;

	for (struct tcp_socket *socket = aftermath->session->live; socket;
	     socket = next) {
		enum presence presence;
		struct diag_row row;

		next = socket->live_next;
		if (!is_concerned(socket, process) ||
		    !can_be_asked(aftermath, socket))
			continue;
		presence = look_up(aftermath, socket, &row);
		if (presence == IS_HERE) {
			settle_here(aftermath, socket, &row);
			continue;
		}
		if (socket->unread > 0) {
			settle_gone(aftermath, socket, presence);
			continue;
		}
		socket->gone_next = gone;
		gone = socket;
	}
	for (; gone; gone = next) {
		struct diag_row row;

		next = gone->gone_next;
		settle(aftermath, gone, &row);
	}
}

static bool note_owner(const struct owner *owner, void *argument)
{
	struct session *session = argument;
	const char *command = session_text(session, owner->command);

	for (struct tcp_socket *socket = session->sockets; socket;
	     socket = socket->next) {
		struct leftover *left = socket->left;

		if (left && left->inode == owner->inode && left->pid == 0) {
			left->pid = owner->pid;
			left->fd = owner->fd;
			left->command = command;
		}
		if (left && left->other_inode == owner->inode &&
		    left->other_pid == 0) {
			left->other_pid = owner->pid;
			left->other_fd = owner->fd;
			left->other_command = command;
		}
	}
	return true;
}

/* One pass over /proc for each OWNERS_INODES_MAX sockets, of the first few. */
static void find_owners(struct session *session)
{
	enum { PASSES_MAX = 8 };
	uint32_t inodes[OWNERS_INODES_MAX];
	unsigned int count = 0;
	unsigned int passes = 0;

	for (struct tcp_socket *socket = session->sockets;
	     socket && passes < PASSES_MAX; socket = socket->next) {
		if (socket->left && socket->left->inode != 0)
			inodes[count++] = socket->left->inode;
		if (socket->left && socket->left->other_inode != 0)
			inodes[count++] = socket->left->other_inode;
		/* Room for two more. */
		if (count + 1 >= OWNERS_INODES_MAX ||
		    (!socket->next && count)) {
			owners_find(inodes, count, note_owner, session);
			count = 0;
			passes++;
		}
	}
}

/* A FIN_WAIT_2 lasts for as long as the other end does not close. */
static void find_other_end(const struct aftermath *aftermath,
			   const struct tcp_socket *socket)
{
	struct diag_row row;

	if (socket->other_end || socket->state == ST_LISTEN ||
	    socket->state == ST_TIME_WAIT ||
	    diag_find_with(aftermath->diag, &socket->peer, &socket->local,
			   &row) != 1 ||
	    row.peer.port != socket->local.port)
		return;
	socket->left->other_state = row.state;
	socket->left->other_inode = row.inode;
}

static bool waits_for_acknowledgement(enum tcp_state state)
{
	return state == ST_FIN_WAIT_1 || state == ST_CLOSING ||
	       state == ST_LAST_ACK;
}

/* Is a FIN on its way that the other end, on this machine, will acknowledge? */
static bool is_passing(struct aftermath *aftermath, struct tcp_socket *socket)
{
	struct diag_row row;

	return waits_for_acknowledgement(socket->state) &&
	       can_be_asked(aftermath, socket) &&
	       settle(aftermath, socket, &row) &&
	       waits_for_acknowledgement(row.state) &&
	       diag_find_with(aftermath->diag, &socket->peer, &socket->local,
			      &row) == 1;
}

/*
 * An acknowledgement may be put off for 40 ms (TCP_DELACK_MIN). What is left
 * after that stays for a while, and is worth telling.
 */
static void wait_for_rest(struct aftermath *aftermath)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct tcp_socket *next;
	int pauses = 0;

	for (struct tcp_socket *socket = aftermath->session->sockets;
	     socket && pauses < 10; socket = next) {
		next = socket->next;
		while (is_passing(aftermath, socket) && pauses++ < 10)
			nanosleep(&pause, NULL);
	}
}

void aftermath_of_run(struct aftermath *aftermath)
{
	struct session *session = aftermath->session;
	struct tcp_socket *next;
	struct diag_row row;

	wait_for_rest(aftermath);
	for (struct tcp_socket *socket = session->sockets; socket;
	     socket = next) {
		next = socket->next;
		if (!can_be_asked(aftermath, socket) ||
		    !settle(aftermath, socket, &row))
			continue;
		if (!socket->left)
			socket->left =
				need_memory(calloc(1, sizeof(*socket->left)));
		*socket->left = (struct leftover){ .timed = row.timed,
						   .expires = row.expires,
						   .inode = row.inode };
		find_other_end(aftermath, socket);
	}
	find_owners(session);
}
