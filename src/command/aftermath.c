#include "command/aftermath.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command/say.h"
#include "kernel/diag.h"
#include "kernel/owners.h"

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
	       (socket->owner->network == 0 ||
		socket->owner->network == aftermath->network);
}

/* False when the kernel has it no more. */
static bool look_up(const struct aftermath *aftermath,
		    const struct tcp_socket *socket, struct diag_row *row)
{
	struct address nobody = { .family = socket->local.family };

	return diag_find_with(aftermath->diag, &socket->local,
			      socket->state == ST_LISTEN ? &nobody
							 : &socket->peer,
			      row) == 1 &&
	       row->cookie == socket->cookie;
}

/* Has the other end begun to close before this one did? */
static bool peer_closed_first(const struct tcp_socket *socket)
{
	const struct tcp_socket *other = socket->other_end;

	return other &&
	       (other->state == ST_FIN_WAIT_1 ||
		other->state == ST_FIN_WAIT_2 || other->state == ST_TIME_WAIT);
}

/*
 * The state between, where the shortest way is not the likely one: of two FINs
 * there is no trace once both are acknowledged.
 */
static enum tcp_state via_state(const struct tcp_socket *socket,
				enum tcp_state to)
{
	if (to == ST_CLOSED && socket->state == ST_CLOSE_WAIT)
		return ST_LAST_ACK;
	if (to == ST_CLOSED && socket->state == ST_ESTABLISHED &&
	    peer_closed_first(socket))
		return ST_LAST_ACK;
	return to;
}

static void walk(struct session *session, struct tcp_socket *socket,
		 enum tcp_state to, enum tcp_event event, bool likely)
{
	const struct edge *path[2 * MACHINE_PATH_MAX];
	enum tcp_state via = via_state(socket, to);
	size_t length = machine_path(socket->state, via, EVENT_NONE, path);
	struct subject subject = session_subject(socket);

	length += machine_path(via, to, event, path + length);
	for (size_t i = 0; i < length; i++) {
		bool last = i == length - 1;
		struct step step = {
			.time = now(),
			.edge = path[i],
			.process = socket->owner,
			.stack = socket->born,
			.fd = socket->fd,
			.evidence = last ? EVIDENCE_KERNEL : EVIDENCE_INFERRED,
			.likely = last && likely,
		};

		session_step(session, &subject, &step);
	}
}

/* The kernel's word on a socket that its process can no longer tell about. */
static bool settle(struct aftermath *aftermath, struct tcp_socket *socket,
		   struct diag_row *row)
{
	bool is_there = look_up(aftermath, socket, row);
	bool certain = socket->state == ST_LISTEN ||
		       socket->state == ST_LAST_ACK ||
		       socket->state == ST_TIME_WAIT;

	if (!is_there)
		walk(aftermath->session, socket, ST_CLOSED, EVENT_NONE,
		     !certain);
	else if (row->state != socket->state)
		walk(aftermath->session, socket, row->state, EVENT_NONE, false);
	socket->looked_up = true;
	return is_there;
}

void aftermath_of_process(struct aftermath *aftermath,
			  const struct process *process)
{
	struct tcp_socket *next;
	struct diag_row row;

	for (struct tcp_socket *socket = aftermath->session->sockets; socket;
	     socket = next) {
		next = socket->next;
		/* What its owner has released this process may have held. */
		if ((socket->released ||
		     (process_last_image(socket->owner) == process &&
		      !socket->looked_up)) &&
		    can_be_asked(aftermath, socket))
			settle(aftermath, socket, &row);
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
