#include "command/connections.h"

#include <stdlib.h>

#include "command/say.h"

const struct process *connection_process(const struct tcp_socket *socket)
{
	return process_last_image(socket->owner);
}

static const struct tcp_socket *other_of(const struct tcp_socket *socket)
{
	const struct tcp_socket *other = socket->other_end;

	/* Ports are used again: both must mean each other. */
	return other && other->other_end == socket ? other : NULL;
}

/* Of two ends: is this the one that the connection is listed under? */
static bool is_first(const struct tcp_socket *socket,
		     const struct tcp_socket *other)
{
	if (!other)
		return true;
	if ((socket->role == ROLE_PASSIVE) != (other->role == ROLE_PASSIVE))
		return socket->role == ROLE_PASSIVE;
	return socket->number < other->number;
}

static bool is_opening(enum tcp_state state)
{
	return state == ST_SYN_SENT || state == ST_SYN_RCVD ||
	       state == ST_ESTABLISHED;
}

static bool is_own(const struct step *step)
{
	return step->edge->event == EVENT_CLOSE ||
	       step->edge->event == EVENT_ABORT;
}

static bool is_by_peer(const struct step *step)
{
	return step->edge->event == EVENT_RCV_FIN ||
	       step->edge->event == EVENT_RCV_RST;
}

static const struct step *first_step(const struct tcp_socket *socket,
				     bool (*is_it)(const struct step *))
{
	for (unsigned int i = 0; socket && i < socket->step_count; i++) {
		if (is_it(&socket->steps[i]))
			return &socket->steps[i];
	}
	return NULL;
}

const struct step *connection_own_end(const struct tcp_socket *socket)
{
	return first_step(socket, is_own);
}

const struct step *connection_peer_end(const struct tcp_socket *socket)
{
	return first_step(socket, is_by_peer);
}

static bool is_abnormal(const struct step *step)
{
	enum tcp_event event = step->edge->event;

	if (step->likely)
		return false;
	return event == EVENT_RCV_RST || event == EVENT_RST ||
	       event == EVENT_ABORT ||
	       (event == EVENT_TIMEOUT && step->edge->from != ST_TIME_WAIT);
}

static unsigned int interest_of(const struct tcp_socket *socket)
{
	if (!socket)
		return 0;
	return (socket->worst ? 16U << socket->worst : 0) +
	       (socket->listened ? 16 : 0) +
	       (socket->open_state != ST_UNKNOWN ? 8 : 0) +
	       (first_step(socket, is_abnormal) ? 4 : 0) +
	       (socket->counters.retransmits ? 2 : 0) +
	       (socket->left && !socket->left->timed ? 1 : 0);
}

static unsigned int number_of(const struct connection *connection)
{
	const struct tcp_socket *two = connection->two;

	return two && two->number < connection->one->number
		       ? two->number
		       : connection->one->number;
}

static int compare_times(const void *a, const void *b)
{
	unsigned int one = number_of(a);
	unsigned int two = number_of(b);

	return (one > two) - (one < two);
}

static int compare_interest(const void *a, const void *b)
{
	unsigned int one = ((const struct connection *)a)->interest;
	unsigned int two = ((const struct connection *)b)->interest;

	return one == two ? compare_times(a, b) : (one < two) - (one > two);
}

static int compare_processes(const void *a, const void *b)
{
	const struct connection *one = a;
	const struct connection *two = b;
	uint32_t first = connection_process(one->one)->number;
	uint32_t second = connection_process(two->one)->number;

	return first == second ? compare_times(a, b)
			       : (first > second) - (first < second);
}

struct connection *connections_make(const struct session *session,
				    size_t *count)
{
	struct connection *list = need_memory(calloc(
		session->socket_count - session->folded + 1, sizeof(*list)));

	*count = 0;
	for (const struct tcp_socket *socket = session->sockets; socket;
	     socket = socket->next) {
		const struct tcp_socket *other = other_of(socket);

		if (!is_first(socket, other))
			continue;
		list[(*count)++] = (struct connection){
			.one = socket,
			.two = other,
			.interest = interest_of(socket) | interest_of(other),
		};
	}
	qsort(list, *count, sizeof(*list), compare_interest);
	return list;
}

void connections_sort_by_process(struct connection *list, size_t count)
{
	qsort(list, count, sizeof(*list), compare_processes);
}

void connections_sort_by_time(struct connection *list, size_t count)
{
	qsort(list, count, sizeof(*list), compare_times);
}

static bool begins_end(const struct step *step)
{
	return is_opening(step->edge->from) && !is_opening(step->edge->to);
}

static bool is_closing(const struct step *step)
{
	return step->edge->to == ST_CLOSING;
}

struct ending connection_ending(const struct connection *connection)
{
	const struct step *one = first_step(connection->one, begins_end);
	const struct step *two = first_step(connection->two, begins_end);
	/* Whoever did it knows it best; of two the earlier. */
	bool by_two = two &&
		      (!one || is_own(two) > is_own(one) ||
		       (is_own(two) == is_own(one) && two->time < one->time));
	const struct step *step = by_two ? two : one;
	struct ending ending = { .closer = CLOSER_NONE };

	if (!step)
		return ending;
	ending.edge = step->edge;
	ending.time = step->time;
	if (step->edge->event == EVENT_TIMEOUT)
		return ending;
	if (first_step(by_two ? connection->two : connection->one, is_closing))
		ending.closer = CLOSER_BOTH;
	else
		ending.closer = is_own(step) == by_two ? CLOSER_TWO
						       : CLOSER_ONE;
	return ending;
}

static bool lives(const struct tcp_socket *socket)
{
	return socket && socket->state != ST_CLOSED &&
	       socket->state != ST_TIME_WAIT;
}

bool connection_lives(const struct connection *connection)
{
	return lives(connection->one) || lives(connection->two);
}

/*
 * What happened after the close was perhaps seen much later. TIME_WAIT is not
 * life: the connection was over when it began.
 */
static uint64_t last_of(const struct tcp_socket *socket)
{
	const struct step *own = connection_own_end(socket);
	uint64_t last = socket->first;

	if (own)
		return own->time;
	for (unsigned int i = 0; i < socket->step_count; i++) {
		if (socket->steps[i].edge->from != ST_TIME_WAIT)
			last = socket->steps[i].time;
	}
	return last;
}

uint64_t connection_last(const struct connection *connection,
			 const struct session *session)
{
	uint64_t one = last_of(connection->one);
	uint64_t two = connection->two ? last_of(connection->two) : 0;

	if (connection_lives(connection))
		return session->ended;
	return one > two ? one : two;
}

uint64_t connection_first(const struct connection *connection)
{
	uint64_t one = connection->one->first;

	if (connection->two && connection->two->first < one)
		return connection->two->first;
	return one;
}

uint64_t connection_lasted(const struct connection *connection,
			   const struct session *session)
{
	uint64_t first = connection_first(connection);
	uint64_t last = connection_last(connection, session);

	return last > first ? last - first : 0;
}

struct counters connection_counters(const struct connection *connection)
{
	struct counters counters = connection->one->counters;
	const struct tcp_socket *two = connection->two;

	if (!two || !two->counters.known)
		return counters;
	if (!counters.known)
		return (struct counters){
			.known = true,
			.sent = two->counters.received,
			.received = two->counters.sent,
			.retransmits = two->counters.retransmits,
		};
	/* What either end has sent again. */
	counters.retransmits += two->counters.retransmits;
	return counters;
}
