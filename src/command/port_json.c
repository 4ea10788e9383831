#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>

#include "command/port.h"
#include "command/say.h"
#include "model/errno_name.h"

static void set(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, need_memory(value)) < 0)
		need_memory(NULL);
}

static void append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, need_memory(value)) < 0)
		need_memory(NULL);
}

static json_t *json_address(const struct address *address)
{
	char host[INET6_ADDRSTRLEN] = "";
	json_t *object = need_memory(json_object());

	inet_ntop(address->family, address->bytes, host, sizeof(host));
	set(object, "address", json_string(host));
	set(object, "port", json_integer(address->port));
	return object;
}

/* UTC, as RFC 3339 writes it. */
static json_t *json_time(time_t when)
{
	char buffer[32];
	struct tm tm;

	strftime(buffer, sizeof(buffer), "%Y-%m-%dT%H:%M:%SZ",
		 gmtime_r(&when, &tm));
	return json_string(buffer);
}

static time_t end_of(const struct port_answer *answer, uint32_t wait)
{
	return answer->asked.tv_sec +
	       (answer->asked.tv_nsec / 1000000 + wait + 999) / 1000;
}

static json_t *json_printable(const char *foreign)
{
	char *printable = say_printable(foreign);
	json_t *string = json_string(printable);

	free(printable);
	return string;
}

static const struct proc *find_process(const struct port_answer *answer,
				       pid_t pid)
{
	for (size_t i = 0; i < answer->process_count; i++) {
		if (answer->processes[i].pid == pid)
			return &answer->processes[i];
	}
	return NULL;
}

static json_t *json_owner(const struct port_answer *answer,
			  const struct owner *owner)
{
	const struct proc *process = find_process(answer, owner->pid);
	json_t *object = need_memory(json_object());

	set(object, "pid", json_integer(owner->pid));
	set(object, "command", json_printable(owner->command));
	set(object, "fd", json_integer(owner->fd));
	if (!process || !process->known)
		return object;
	set(object, "started", json_time(process->started));
	set(object, "arguments", json_string(process->arguments));
	return object;
}

static json_t *json_activity(const struct diag_activity *activity)
{
	json_t *object = need_memory(json_object());

	set(object, "sent", json_boolean(activity->sent));
	set(object, "received", json_boolean(activity->received));
	set(object, "since_sent_ms", json_integer(activity->since_sent));
	set(object, "since_received_ms",
	    json_integer(activity->since_received));
	set(object, "since_heard_ms", json_integer(activity->since_heard));
	return object;
}

static json_t *json_holder(const struct port_answer *answer,
			   const struct port_holder *holder)
{
	const struct diag_row *row = &holder->row;
	json_t *object = need_memory(json_object());
	json_t *owners = need_memory(json_array());

	set(object, "class", json_string(holder_name(holder->class)));
	set(object, "state", json_string(state_name(row->state)));
	set(object, "local", json_address(&row->local));
	if (row->peer.port)
		set(object, "peer", json_address(&row->peer));
	set(object, "owned", json_boolean(row->inode != 0));
	if (row->inode != 0)
		set(object, "uid", json_integer(row->uid));
	for (size_t i = 0; i < holder->owner_count; i++)
		append(owners, json_owner(answer, &holder->owners[i]));
	set(object, "owners", owners);
	if (row->timed) {
		set(object, "left_ms", json_integer(row->expires));
		set(object, "ends", json_time(end_of(answer, row->expires)));
	}
	if (row->state == ST_LISTEN) {
		set(object, "waiting", json_integer(row->receive_queue));
		set(object, "backlog", json_integer(row->send_queue));
	}
	if (holder->activity.known)
		set(object, "activity", json_activity(&holder->activity));
	return object;
}

static json_t *json_result(long result)
{
	const char *name = errno_name((int)-result);

	if (result == 0)
		return json_string("success");
	return name ? json_string(name) : json_sprintf("%ld", -result);
}

static json_t *json_bind(const struct port_bind *answered)
{
	json_t *object = need_memory(json_object());

	set(object, "local", json_address(&answered->address));
	set(object, "plain", json_result(answered->plain));
	set(object, "reuseaddr", json_result(answered->reuseaddr));
	set(object, "reuseport", json_result(answered->reuseport));
	return object;
}

static json_t *json_states(const struct port_answer *answer)
{
	json_t *object = need_memory(json_object());

	for (int i = 0; i < ST_COUNT; i++) {
		json_t *state;
		uint32_t wait = answer->longest_wait[i];

		if (answer->states[i] == 0)
			continue;
		state = need_memory(json_object());
		set(state, "count", json_integer(answer->states[i]));
		if (wait > 0) {
			set(state, "longest_left_ms", json_integer(wait));
			set(state, "last_ends",
			    json_time(end_of(answer, wait)));
		}
		set(object, state_name((enum tcp_state)i), state);
	}
	return object;
}

static json_t *json_help(const struct port_answer *answer)
{
	enum holder_class causes[HOLDER_COUNT];
	size_t count = port_causes(answer, causes);
	json_t *array = need_memory(json_array());

	for (size_t i = 0; i < count; i++)
		append(array, json_string(holder_remedy(causes[i])));
	return array;
}

int port_print_json(const struct port_answer *answer, FILE *out)
{
	json_t *root = need_memory(json_object());
	json_t *holders = need_memory(json_array());
	json_t *binds = need_memory(json_array());
	int result;

	set(root, "version", json_integer(1));
	set(root, "asked", json_time(answer->asked.tv_sec));
	set(root, "port", json_integer(answer->request.address.port));
	if (!answer->request.any)
		set(root, "local", json_address(&answer->request.address));
	set(root, "held", json_boolean(port_is_held(answer)));
	set(root, "total", json_integer(answer->total));
	set(root, "states", json_states(answer));
	for (size_t i = 0; i < answer->holder_count; i++)
		append(holders, json_holder(answer, &answer->holders[i]));
	set(root, "holders", holders);
	for (unsigned int i = 0; i < answer->bind_count; i++)
		append(binds, json_bind(&answer->binds[i]));
	set(root, "binds", binds);
	set(root, "unreadable_processes", json_integer(answer->unreadable));
	if (answer->error != 0)
		set(root, "error", json_result(answer->error));
	set(root, "help", json_help(answer));
	result = json_dumpf(root, out, JSON_INDENT(2));
	json_decref(root);
	return result < 0 || fputc('\n', out) == EOF ? -1 : 0;
}
