#include "command/trace_line.h"

#include "command/say.h"

void line_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(object, key, need_memory(value)) != 0)
		need_memory(NULL);
}

void line_set_number(json_t *object, const char *key, uint64_t number)
{
	line_set(object, key, json_integer((json_int_t)number));
}

void line_set_text(json_t *object, const char *key, const char *text)
{
	line_set(object, key, json_string_nocheck(text ? text : ""));
}

void line_set_truth(json_t *object, const char *key, bool truth)
{
	line_set(object, key, json_boolean(truth));
}

void line_set_time(json_t *object, const char *key, uint64_t time)
{
	line_set_number(object, key, time / 1000);
}

void line_set_process(json_t *object, const struct process *process)
{
	line_set_number(object, "process", process ? process->number : 0);
	line_set_number(object, "pid", process ? (uint64_t)process->pid : 0);
}

const char *line_address(const struct address *address, char *space)
{
	struct text text;

	text_begin(&text, space, LINE_ADDRESS_SIZE);
	text_add_address(&text, address);
	return space;
}

json_t *line_new(const char *event)
{
	json_t *object = need_memory(json_object());

	line_set_text(object, "event", event);
	return object;
}

json_t *line_about_socket(const char *event, const struct process *process,
			  const struct tcp_socket *socket)
{
	json_t *object = line_new(event);

	line_set_process(object, process);
	line_set_number(object, "socket", socket->number);
	line_set_number(object, "cookie", socket->cookie);
	return object;
}
