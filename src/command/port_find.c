#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/port.h"
#include "command/say.h"
#include "kernel/bind.h"
#include "kernel/raw.h"

static void *grow(void *list, size_t count, size_t size)
{
	/* Doubled whenever the count is a power of two. */
	if (count & (count - 1))
		return list;
	return need_memory(reallocarray(list, count ? 2 * count : 1, size));
}

static void try_bind(struct port_bind *answer, const struct address *address,
		     uint32_t scope)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(address->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(address->port),
				    .sin6_scope_id = scope };
	bool ipv4 = address->family == AF_INET;
	const void *name = ipv4 ? (const void *)&in : &in6;
	unsigned int length = ipv4 ? sizeof(in) : sizeof(in6);

	memcpy(&in.sin_addr, address->bytes, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, address->bytes, sizeof(in6.sin6_addr));
	answer->address = *address;
	answer->plain = bind_try(address->family, name, length, BIND_PLAIN);
	answer->reuseaddr = answer->plain;
	answer->reuseport = answer->plain;
	if (answer->plain != -EADDRINUSE)
		return;
	answer->reuseaddr =
		bind_try(address->family, name, length, BIND_REUSEADDR);
	answer->reuseport =
		bind_try(address->family, name, length, BIND_REUSEPORT);
}

static void add_bind(struct port_answer *answer, const struct address *address)
{
	struct port_bind *answered = &answer->binds[answer->bind_count];

	try_bind(answered, address, answer->request.scope);
	/* A system without IPv6 has no [::] to be asked about. */
	if (answer->request.any && answered->plain == -EAFNOSUPPORT)
		return;
	answer->bind_count++;
}

static void try_binds(struct port_answer *answer)
{
	struct address wildcard = { .port = answer->request.address.port };

	if (!answer->request.any) {
		add_bind(answer, &answer->request.address);
		return;
	}
	wildcard.family = AF_INET6;
	add_bind(answer, &wildcard);
	wildcard.family = AF_INET;
	add_bind(answer, &wildcard);
}

/* What the row is held against; for a port alone, its own address. */
static struct holder_query query_for(const struct port_answer *answer,
				     const struct diag_row *row)
{
	struct holder_query query = {
		.address = answer->request.any ? row->local
					       : answer->request.address
	};

	for (unsigned int i = 0; i < answer->bind_count; i++) {
		const struct port_bind *answered = &answer->binds[i];

		if (answered->address.family == query.address.family)
			query.reuseport = answered->plain == -EADDRINUSE &&
					  answered->reuseport == 0;
	}
	return query;
}

static bool add_row(const struct diag_row *row, void *argument)
{
	struct port_answer *answer = argument;
	struct holder_query query = query_for(answer, row);
	struct port_holder *holder;

	if (!holders_overlap(&query.address, false, &row->local, row->v6only))
		return true;
	answer->total++;
	answer->states[row->state]++;
	if (row->timed && row->expires > answer->longest_wait[row->state])
		answer->longest_wait[row->state] = row->expires;
	if (row->state != ST_LISTEN && row->state != ST_CLOSED &&
	    answer->states[row->state] > PORT_SHOWN_MAX)
		return true;
	answer->holders = grow(answer->holders, answer->holder_count,
			       sizeof(*answer->holders));
	holder = &answer->holders[answer->holder_count++];
	*holder = (struct port_holder){ .row = *row };
	return true;
}

static void classify(struct port_answer *answer)
{
	for (size_t i = 0; i < answer->holder_count; i++) {
		struct port_holder *holder = &answer->holders[i];
		struct holder_query query = query_for(answer, &holder->row);

		holder->class =
			holders_classify(&query, &holder->row, ROLE_NONE);
	}
}

static bool add_owner(const struct owner *owner, void *argument)
{
	struct port_answer *answer = argument;

	for (size_t i = 0; i < answer->holder_count; i++) {
		struct port_holder *holder = &answer->holders[i];

		if (holder->row.inode != owner->inode)
			continue;
		holder->owners = grow(holder->owners, holder->owner_count,
				      sizeof(*holder->owners));
		holder->owners[holder->owner_count++] = *owner;
	}
	return true;
}

static void add_process(struct port_answer *answer, pid_t pid)
{
	for (size_t i = 0; i < answer->process_count; i++) {
		if (answer->processes[i].pid == pid)
			return;
	}
	answer->processes = grow(answer->processes, answer->process_count,
				 sizeof(*answer->processes));
	proc_read(&answer->processes[answer->process_count++], pid);
}

static void find_owners(struct port_answer *answer)
{
	uint32_t *inodes =
		need_memory(calloc(answer->holder_count + 1, sizeof(*inodes)));
	unsigned int count = 0;

	for (size_t i = 0; i < answer->holder_count; i++) {
		if (answer->holders[i].row.inode != 0)
			inodes[count++] = answer->holders[i].row.inode;
	}
	if (count > 0)
		answer->unreadable =
			owners_find(inodes, count, add_owner, answer);
	free(inodes);
	for (size_t i = 0; i < answer->holder_count; i++) {
		const struct port_holder *holder = &answer->holders[i];

		for (size_t j = 0; j < holder->owner_count; j++)
			add_process(answer, holder->owners[j].pid);
	}
}

static void find_activity(struct port_answer *answer)
{
	int fd = diag_open();

	if (fd < 0)
		return;
	for (size_t i = 0; i < answer->holder_count; i++) {
		struct port_holder *holder = &answer->holders[i];
		struct diag_activity activity;
		struct diag_row row;

		if (holder->row.peer.port == 0 ||
		    diag_activity_with(fd, &holder->row.local,
				       &holder->row.peer, &row, &activity) != 1)
			continue;
		if (row.cookie == holder->row.cookie)
			holder->activity = activity;
	}
	raw_close(fd);
}

void port_find(const struct port_request *request, struct port_answer *answer)
{
	void *reply = need_memory(malloc(DIAG_REPLY_SIZE));
	int rows;

	*answer = (struct port_answer){ .request = *request,
					.root = geteuid() == 0 };
	clock_gettime(CLOCK_REALTIME, &answer->asked);
	try_binds(answer);
	rows = diag_port(request->address.port, DIAG_ALL, add_row, answer,
			 reply);
	free(reply);
	answer->error = rows < 0 ? rows : 0;
	classify(answer);
	find_owners(answer);
	find_activity(answer);
}

void port_free(struct port_answer *answer)
{
	for (size_t i = 0; i < answer->holder_count; i++)
		free(answer->holders[i].owners);
	for (size_t i = 0; i < answer->process_count; i++)
		proc_free(&answer->processes[i]);
	free(answer->holders);
	free(answer->processes);
}

bool port_is_held(const struct port_answer *answer)
{
	bool tried = false;

	for (unsigned int i = 0; i < answer->bind_count; i++) {
		if (answer->binds[i].plain == -EADDRINUSE)
			return true;
		if (answer->binds[i].plain == 0)
			tried = true;
	}
	return !tried && answer->total > 0;
}

size_t port_causes(const struct port_answer *answer,
		   enum holder_class causes[static HOLDER_COUNT])
{
	bool seen[HOLDER_COUNT] = { false };
	bool listens = answer->states[ST_LISTEN] > 0;
	size_t count = 0;

	if (!port_is_held(answer))
		return 0;
	if (answer->total == 0)
		causes[count++] = HOLDER_ELSEWHERE;
	for (size_t i = 0; i < answer->holder_count; i++) {
		const struct port_holder *holder = &answer->holders[i];

		if (seen[holder->class] ||
		    (listens && holder->row.state != ST_LISTEN))
			continue;
		seen[holder->class] = true;
		causes[count++] = holder->class;
	}
	return count;
}
