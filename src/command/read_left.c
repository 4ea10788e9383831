#include "command/read_left.h"

#include <limits.h>
#include <stdlib.h>

#include "command/say.h"

static const char *state_word(int value)
{
	return state_name((enum tcp_state)value);
}

/* An object, or NULL when it is null (or missing: `optional`). */
static json_t *object_of(struct trace_fields *fields, const char *key,
			 bool optional)
{
	json_t *object = json_object_get(fields->object, key);

	if (json_is_null(object) || (!object && optional))
		return NULL;
	if (!json_is_object(object))
		trace_wrong(fields, "`%s` is no object", key);
	return fields->wrong ? NULL : object;
}

/* Who holds a socket that the kernel still has. */
static void read_holder(struct trace_fields *fields, int *pid, int *fd,
			const char **command)
{
	struct trace_fields inner = *fields;

	inner.object = object_of(fields, "holder", false);
	if (!inner.object)
		return;
	*pid = (int)trace_number(&inner, "pid", 1, INT_MAX);
	*fd = (int)trace_number(&inner, "fd", 0, INT_MAX);
	*command = trace_text(&inner, "command");
	fields->wrong = inner.wrong;
}

static void read_other_end(struct trace_fields *fields, struct leftover *left)
{
	struct trace_fields inner = *fields;

	inner.object = object_of(fields, "other_end", true);
	if (!inner.object)
		return;
	left->other_state = (enum tcp_state)trace_choice(&inner, "state",
							 ST_COUNT, state_word);
	left->other_inode =
		(uint32_t)trace_number(&inner, "inode", 0, UINT32_MAX);
	read_holder(&inner, &left->other_pid, &left->other_fd,
		    &left->other_command);
	fields->wrong = inner.wrong;
}

void read_left(struct trace *trace, struct trace_fields *fields)
{
	struct tcp_socket *socket =
		session_socket(trace->session, trace_bits(fields, "cookie"));
	struct leftover left = { .inode = (uint32_t)trace_number(
					 fields, "inode", 0, UINT32_MAX) };

	if (!json_is_null(json_object_get(fields->object, "expires"))) {
		left.timed = true;
		left.expires = (uint32_t)trace_number(fields, "expires", 0,
						      UINT32_MAX);
	}
	read_holder(fields, &left.pid, &left.fd, &left.command);
	read_other_end(fields, &left);
	if (!socket)
		trace_wrong(fields, "there is no such socket");
	if (fields->wrong)
		return;
	if (!socket->left)
		socket->left = need_memory(malloc(sizeof(*socket->left)));
	*socket->left = left;
}
