/* The sockets of a session. */
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "command/say.h"
#include "command/session_index.h"

/*
 * A server may make connections for weeks. Past so many the oldest that have
 * ended, and of which nothing was found, are counted and dropped.
 */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { SOCKETS_KEPT = 6 };
#else
enum { SOCKETS_KEPT = 200000 };
#endif

struct descriptor_entry {
	const struct process *owner;
	int fd;
	struct tcp_socket *socket;
};

struct end_entry {
	struct address local;
	struct address peer;
	struct tcp_socket *socket;
};

/* A socket that was named before it did anything. */
struct name_entry {
	uint64_t cookie;
	const char *name;
};

static void free_socket(struct tcp_socket *socket)
{
	free(socket->steps);
	free(socket->left);
	free(socket);
}

static void keep(void *pointer)
{
	(void)pointer;
}

void session_free_sockets(struct session *session)
{
	tdestroy(session->index->cookies, keep);
	tdestroy(session->index->ends, free);
	tdestroy(session->index->descriptors, free);
	tdestroy(session->index->names, free);
	while (session->sockets) {
		struct tcp_socket *socket = session->sockets;

		session->sockets = socket->next;
		free_socket(socket);
	}
}

static int compare_cookies(const void *a, const void *b)
{
	const struct tcp_socket *one = a;
	const struct tcp_socket *two = b;

	return (one->cookie > two->cookie) - (one->cookie < two->cookie);
}

struct tcp_socket *session_socket(const struct session *session,
				  uint64_t cookie)
{
	struct tcp_socket key = { .cookie = cookie };
	struct tcp_socket **found =
		cookie ? tfind(&key, &session->index->cookies, compare_cookies)
		       : NULL;

	return found ? *found : NULL;
}

static int compare_descriptors(const void *a, const void *b)
{
	const struct descriptor_entry *one = a;
	const struct descriptor_entry *two = b;

	if (one->owner != two->owner)
		return (uintptr_t)one->owner < (uintptr_t)two->owner ? -1 : 1;
	return (one->fd > two->fd) - (one->fd < two->fd);
}

/* Without a cookie (in a sandbox): the newest on this descriptor. */
static struct descriptor_entry *find_descriptor(const struct session *session,
						const struct process *owner,
						int fd)
{
	struct descriptor_entry key = { .owner = owner, .fd = fd };
	struct descriptor_entry **found =
		tfind(&key, &session->index->descriptors, compare_descriptors);

	return found ? *found : NULL;
}

static struct tcp_socket *find_by_descriptor(const struct session *session,
					     const struct process *owner,
					     int fd)
{
	struct descriptor_entry *entry = find_descriptor(session, owner, fd);

	return entry ? entry->socket : NULL;
}

static void file_descriptor(struct session *session, struct tcp_socket *socket)
{
	struct descriptor_entry *entry =
		find_descriptor(session, socket->owner, socket->fd);

	if (!entry) {
		entry = need_memory(malloc(sizeof(*entry)));
		entry->owner = socket->owner;
		entry->fd = socket->fd;
		need_memory(tsearch(entry, &session->index->descriptors,
				    compare_descriptors));
	}
	entry->socket = socket;
}

static void forget_descriptor(struct session *session,
			      const struct tcp_socket *socket)
{
	struct descriptor_entry *entry =
		find_descriptor(session, socket->owner, socket->fd);

	if (!entry || entry->socket != socket)
		return;
	tdelete(entry, &session->index->descriptors, compare_descriptors);
	free(entry);
}

static int compare_names(const void *a, const void *b)
{
	const struct name_entry *one = a;
	const struct name_entry *two = b;

	return (one->cookie > two->cookie) - (one->cookie < two->cookie);
}

/* The name that was given to it before. */
static const char *take_name(struct session *session, uint64_t cookie)
{
	struct name_entry key = { .cookie = cookie };
	struct name_entry **found =
		tfind(&key, &session->index->names, compare_names);
	struct name_entry *entry = found ? *found : NULL;
	const char *name;

	if (!entry)
		return NULL;
	name = entry->name;
	tdelete(entry, &session->index->names, compare_names);
	free(entry);
	return name;
}

static void keep_name(struct session *session, uint64_t cookie,
		      const char *name)
{
	struct name_entry *entry = need_memory(malloc(sizeof(*entry)));

	take_name(session, cookie);
	*entry = (struct name_entry){ .cookie = cookie, .name = name };
	need_memory(tsearch(entry, &session->index->names, compare_names));
}

void session_named(struct session *session, const struct process *process,
		   int fd, uint64_t cookie, const char *given)
{
	struct tcp_socket *socket = session_socket(session, cookie);
	const char *name = session_text(session, given);

	if (cookie == 0)
		return;
	if (socket)
		socket->name = *name ? name : NULL;
	else if (*name)
		keep_name(session, cookie, name);
	else
		take_name(session, cookie);
	TELL(session, named, process, fd, cookie, name);
}

struct subject session_subject(const struct tcp_socket *socket)
{
	struct subject subject = { .pid = socket->owner->pid,
				   .fd = socket->fd,
				   .role = socket->role,
				   .local = socket->local,
				   .peer = socket->peer,
				   .cookie = socket->cookie };

	event_name_subject(&subject, socket->name);
	return subject;
}

static int compare_ends(const void *a, const void *b)
{
	const struct end_entry *one = a;
	const struct end_entry *two = b;
	int order = memcmp(&one->local, &two->local, sizeof(one->local));

	return order ? order
		     : memcmp(&one->peer, &two->peer, sizeof(one->peer));
}

/* An IPv4-mapped address is the IPv4 one of the other end. */
static struct address plain_address(const struct address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct address plain = { .port = address->port,
				 .family = address->family };

	if (address->family == AF_INET6 &&
	    memcmp(address->bytes, mapped, sizeof(mapped)) == 0) {
		plain.family = AF_INET;
		memcpy(plain.bytes, address->bytes + sizeof(mapped), 4);
		return plain;
	}
	memcpy(plain.bytes, address->bytes, sizeof(plain.bytes));
	return plain;
}

static void forget_ends(struct session *session, struct tcp_socket *socket)
{
	struct end_entry key = { .local = plain_address(&socket->local),
				 .peer = plain_address(&socket->peer) };
	struct end_entry **found =
		tfind(&key, &session->index->ends, compare_ends);
	struct end_entry *entry = found ? *found : NULL;

	if (!entry || entry->socket != socket)
		return;
	tdelete(entry, &session->index->ends, compare_ends);
	free(entry);
}

static void part(struct tcp_socket *socket)
{
	if (socket->other_end)
		socket->other_end->other_end = NULL;
	socket->other_end = NULL;
}

/* Files the socket under its ends, and finds the socket at the other one. */
static void file_ends(struct session *session, struct tcp_socket *socket)
{
	struct end_entry key = { .local = plain_address(&socket->local),
				 .peer = plain_address(&socket->peer),
				 .socket = socket };
	struct end_entry mirror = { .local = key.peer, .peer = key.local };
	void **tree = &session->index->ends;
	struct end_entry **found;
	struct end_entry *entry;

	if (socket->peer.port == 0 || socket->local.port == 0)
		return;
	part(socket);
	found = tfind(&key, tree, compare_ends);
	if (found) {
		/* Not where it stands in another network, of the same name. */
		if ((*found)->socket->network == socket->network)
			(*found)->socket->succeeded = true;
		(*found)->socket = socket;
	} else {
		entry = need_memory(malloc(sizeof(*entry)));
		*entry = key;
		need_memory(tsearch(entry, tree, compare_ends));
	}
	found = tfind(&mirror, tree, compare_ends);
	/* What has an other end is of an earlier connection on these ports. */
	if (!found || (*found)->socket == socket || (*found)->socket->other_end)
		return;
	socket->other_end = (*found)->socket;
	(*found)->socket->other_end = socket;
}

void session_sum(struct sums *sums, const struct tcp_socket *socket)
{
	sums->states[socket->state]++;
	sums->sent += socket->counters.sent;
	sums->received += socket->counters.received;
	sums->retransmits += socket->counters.retransmits;
}

static bool may_be_dropped(const struct tcp_socket *socket)
{
	return (socket->state == ST_CLOSED || socket->state == ST_TIME_WAIT) &&
	       socket->found == 0 && !socket->listened &&
	       (!socket->other_end || socket->other_end->state == ST_CLOSED ||
		socket->other_end->state == ST_TIME_WAIT);
}

/* Counts and drops the oldest socket that nothing depends on. */
static void fold_one(struct session *session)
{
	struct session_index *index = session->index;
	struct tcp_socket **at = index->oldest;
	struct tcp_socket *socket;

	while (*at && !may_be_dropped(*at))
		at = &(*at)->next;
	index->oldest = at;
	socket = *at;
	if (!socket || !socket->next)
		return;
	*at = socket->next;
	if (socket->cookie)
		tdelete(socket, &index->cookies, compare_cookies);
	else
		forget_descriptor(session, socket);
	forget_ends(session, socket);
	session_sum(&session->dropped, socket);
	/* Of two ends the one that stays is the connection. */
	if (!socket->other_end)
		session->folded++;
	part(socket);
	free_socket(socket);
	index->kept--;
}

static struct tcp_socket *add_socket(struct session *session, uint64_t cookie)
{
	struct tcp_socket *socket = need_memory(calloc(1, sizeof(*socket)));

	socket->cookie = cookie;
	socket->name = take_name(session, cookie);
	socket->number = ++session->socket_count;
	*session->index->last_socket = socket;
	session->index->last_socket = &socket->next;
	if (cookie)
		need_memory(tsearch(socket, &session->index->cookies,
				    compare_cookies));
	if (++session->index->kept > SOCKETS_KEPT)
		fold_one(session);
	return socket;
}

static void append_step(struct tcp_socket *socket, const struct step *step)
{
	unsigned int count = socket->step_count;

	/* Room is doubled: whenever the count is a power of two it is used up. */
	if ((count & (count - 1)) == 0) {
		size_t room = count ? 2 * (size_t)count : 1;

		socket->steps = need_memory(
			realloc(socket->steps, room * sizeof(*socket->steps)));
	}
	socket->steps[socket->step_count++] = *step;
}

void session_closed(struct session *session, struct process *process,
		    uint64_t cookie, struct stack *stack)
{
	struct tcp_socket *socket = session_socket(session, cookie);

	session_used(process, cookie);
	if (!socket)
		return;
	socket->closer = process;
	socket->closed_by = stack;
}

void session_released(struct session *session, const struct process *process,
		      uint64_t cookie)
{
	struct tcp_socket *socket = session_socket(session, cookie);

	if (!socket)
		return;
	/* What it told at its close was not the last of it. */
	socket->counters.known = false;
	if (socket->owner == process)
		socket->released = true;
	TELL(session, released, socket, process);
}

struct transition session_transition(const struct tcp_socket *socket,
				     const struct step *step)
{
	struct transition transition = {
		.subject = session_subject(socket),
		.edge = step->edge,
		.evidence = (enum evidence)step->evidence,
		.likely = step->likely,
		.call = (enum call)step->call,
		.result = step->result,
		.error = step->error,
		.unread = step->unread,
	};

	transition.subject.pid = step->process->pid;
	transition.subject.fd = step->fd;
	return transition;
}

void session_counters(struct session *session, struct tcp_socket *socket,
		      const struct counters *counters)
{
	const struct counters *known = &socket->counters;

	/* Of two processes that close it the first may be heard last. */
	if (known->known && (counters->sent < known->sent ||
			     counters->received < known->received))
		return;
	socket->counters = *counters;
	TELL(session, counters, socket);
}

/* Keeps the list of those that may still change. */
static void file_live(struct session *session, struct tcp_socket *socket)
{
	bool live = socket->state != ST_CLOSED && socket->state != ST_TIME_WAIT;

	if (live == (socket->live_at != NULL))
		return;
	if (live) {
		socket->live_next = session->live;
		socket->live_at = &session->live;
		session->live = socket;
		if (socket->live_next)
			socket->live_next->live_at = &socket->live_next;
		return;
	}
	*socket->live_at = socket->live_next;
	if (socket->live_next)
		socket->live_next->live_at = socket->live_at;
	socket->live_at = NULL;
}

struct tcp_socket *session_step(struct session *session,
				const struct subject *subject,
				const struct step *told)
{
	struct step copy = *told;
	const struct step *step = &copy;
	struct tcp_socket *socket =
		subject->cookie ? session_socket(session, subject->cookie)
				: find_by_descriptor(session, step->process,
						     subject->fd);
	bool moved;

	copy.time = session_time(told->time);
	if (!socket) {
		socket = add_socket(session, subject->cookie);
		socket->owner = step->process;
		socket->network = step->process->network;
		socket->first = step->time;
		socket->born = step->stack;
		socket->fd = subject->fd;
		if (!subject->cookie)
			file_descriptor(session, socket);
	}
	moved = memcmp(&socket->local, &subject->local,
		       sizeof(socket->local)) != 0 ||
		memcmp(&socket->peer, &subject->peer, sizeof(socket->peer)) !=
			0;
	socket->fd = subject->fd;
	/* It may be accepted by one process and served by another. */
	if (socket->owner != step->process) {
		socket->owner = step->process;
		socket->released = false;
	}
	socket->looked_up = false;
	if (subject->role != ROLE_NONE)
		socket->role = subject->role;
	if (moved) {
		forget_ends(session, socket);
		socket->local = subject->local;
		socket->peer = subject->peer;
		file_ends(session, socket);
	}
	socket->state = step->edge->to;
	file_live(session, socket);
	socket->listened |= socket->state == ST_LISTEN;
	socket->last = step->time;
	session->edge_counts[step->edge - machine_edges(NULL)]++;
	append_step(socket, step);
	TELL(session, transition, socket, step);
	return socket;
}
