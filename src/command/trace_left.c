#include "command/trace_left.h"

#include "command/say.h"
#include "command/trace_line.h"

static json_t *owner_object(int pid, int fd, const char *command)
{
	json_t *object = need_memory(json_object());

	line_set_number(object, "pid", (uint64_t)pid);
	line_set_number(object, "fd", (uint64_t)fd);
	line_set_text(object, "command", command);
	return object;
}

/* The other end, where it is of another program on this machine. */
static json_t *other_object(const struct leftover *left)
{
	json_t *object = need_memory(json_object());

	line_set_text(object, "state", state_name(left->other_state));
	line_set_number(object, "inode", left->other_inode);
	line_set(object, "holder",
		 left->other_pid ? owner_object(left->other_pid, left->other_fd,
						left->other_command)
				 : json_null());
	return object;
}

json_t *trace_left(const struct tcp_socket *socket)
{
	const struct leftover *left = socket->left;
	json_t *line = line_new("left");
	char space[LINE_ADDRESS_SIZE];

	line_set_number(line, "process", socket->owner->number);
	line_set_number(line, "pid", (uint64_t)socket->owner->pid);
	line_set_number(line, "socket", socket->number);
	line_set_number(line, "cookie", socket->cookie);
	line_set_text(line, "state", state_name(socket->state));
	line_set_text(line, "local", line_address(&socket->local, space));
	line_set_text(line, "peer", line_address(&socket->peer, space));
	line_set(line, "expires",
		 left->timed ? json_integer(left->expires) : json_null());
	line_set_number(line, "inode", left->inode);
	line_set(line, "holder",
		 left->pid ? owner_object(left->pid, left->fd, left->command)
			   : json_null());
	line_set(line, "other_end",
		 left->other_state != ST_UNKNOWN ? other_object(left)
						 : json_null());
	return line;
}
