/* The last part of the text: what the run was, what is left, what is unknown. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "command/render_text.h"
#include "command/signal_name.h"
#include "command/totals.h"

enum { SHOWN_MAX = 10, TEXT_SIZE = 512 };

static void line(struct render_text *render, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line(struct render_text *render, const char *format, ...)
{
	va_list list;

	fputs("tcpshadow: ", render->stream);
	va_start(list, format);
	vfprintf(render->stream, format, list);
	va_end(list);
	fputc('\n', render->stream);
}

static const char *plural(unsigned int count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

static void print_end(struct render_text *render)
{
	int status = render->session->status;

	if (render->session->cut)
		line(render, "== how the program ended is not in the trace");
	else if (WIFSIGNALED(status))
		line(render,
		     "== the program was killed by %s (a shell shows status "
		     "%d)",
		     signal_name(WTERMSIG(status)).text,
		     128 + WTERMSIG(status));
	else
		line(render, "== the program ended with status %d",
		     WEXITSTATUS(status));
}

static void print_size(struct render_text *render, const struct totals *totals)
{
	line(render, "%u %s, %u %s, %u %s, %.1f s", totals->processes,
	     plural(totals->processes, "process", "processes"),
	     totals->connections,
	     plural(totals->connections, "connection", "connections"),
	     totals->listeners,
	     plural(totals->listeners, "listener", "listeners"),
	     totals->seconds);
}

static void print_findings(struct render_text *render,
			   const struct totals *totals)
{
	const struct session *session = render->session;

	char suppressed[TEXT_SIZE] = "";

	if (session->suppressed > 0)
		snprintf(suppressed, sizeof(suppressed), " (and %u suppressed)",
			 session->suppressed);
	line(render, "findings: %u %s, %u %s, %u %s%s",
	     session->counts[SEVERITY_ERROR],
	     plural(session->counts[SEVERITY_ERROR], "error", "errors"),
	     session->counts[SEVERITY_WARNING],
	     plural(session->counts[SEVERITY_WARNING], "warning", "warnings"),
	     session->counts[SEVERITY_NOTE],
	     plural(session->counts[SEVERITY_NOTE], "note", "notes"),
	     suppressed);
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--) {
		for (int i = 0; i < RULE_COUNT; i++) {
			enum rule rule = (enum rule)i;

			if (totals->by_rule[i] == 0 ||
			    (int)rule_severity(rule) != severity)
				continue;
			line(render, "  %-7s  %u %s  %s",
			     severity_name(rule_severity(rule)),
			     totals->by_rule[i],
			     totals->by_rule[i] == 1 ? "time" : "times",
			     rule_slug(rule));
		}
	}
}

static const char *ends_of(const struct tcp_socket *socket, char *space)
{
	struct subject subject = session_subject(socket);
	struct text text;

	text_begin(&text, space, TEXT_SIZE);
	event_add_subject(&text, &subject);
	return space;
}

/* Where a socket was made, in one line; "" when that is not known. */
static const char *birth_of(struct render_text *render,
			    const struct tcp_socket *socket, char *space)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	space[0] = '\0';
	if (!socket->born || socket->born->count == 0)
		return space;
	stream = open_memstream(&text, &size);
	if (!stream)
		return space;
	render_text_stack(stream, render->session->symbols, socket->born, "",
			  render->directory);
	fclose(stream);
	text[strcspn(text, "\n")] = '\0';
	/* Without the number of the frame. */
	snprintf(space, TEXT_SIZE, ", made by %s",
		 strchr(text, ' ') ? strchr(text, ' ') + 1 : text);
	free(text);
	return space;
}

static void print_open(struct render_text *render)
{
	char ends[TEXT_SIZE];
	char birth[TEXT_SIZE];
	unsigned int count = 0;

	for (const struct tcp_socket *socket = render->session->sockets; socket;
	     socket = socket->next) {
		if (socket->open_state == ST_UNKNOWN)
			continue;
		if (count++ == 0)
			line(render, "still open when their process ended:");
		if (count > SHOWN_MAX)
			continue;
		line(render, "  pid %d (%s) %s %s%s", socket->owner->pid,
		     process_last_image(socket->owner)->command,
		     ends_of(socket, ends), state_name(socket->open_state),
		     birth_of(render, socket, birth));
	}
	if (count > SHOWN_MAX)
		line(render, "  and %u more", count - SHOWN_MAX);
}

/* The other end, where it is of another program on this machine. */
static void add_stranger(const struct leftover *left, char *space)
{
	size_t used = strlen(space);

	if (left->other_pid)
		snprintf(space + used, TEXT_SIZE - used,
			 "; the other end: pid %d (%s) fd %d, %s",
			 left->other_pid, left->other_command, left->other_fd,
			 state_name(left->other_state));
	else if (left->other_state != ST_UNKNOWN)
		snprintf(space + used, TEXT_SIZE - used,
			 "; the other end: %s, %s",
			 left->other_inode ? "a process that cannot be seen"
					   : "no process",
			 state_name(left->other_state));
}

/* Who keeps the socket in its state. */
static void add_keeper(const struct tcp_socket *socket, char *space)
{
	const struct leftover *left = socket->left;
	const struct tcp_socket *other = socket->other_end;
	size_t used = strlen(space);

	if (left->timed)
		snprintf(space + used, TEXT_SIZE - used, ", %u s left",
			 (left->expires + 999) / 1000);
	else if (left->pid)
		snprintf(space + used, TEXT_SIZE - used,
			 ", held by pid %d (%s) fd %d", left->pid,
			 left->command, left->fd);
	used = strlen(space);
	if (other && other->state != ST_CLOSED && other->state != ST_TIME_WAIT)
		snprintf(space + used, TEXT_SIZE - used,
			 "; the other end: pid %d (%s) fd %d, %s",
			 other->owner->pid,
			 process_last_image(other->owner)->command, other->fd,
			 state_name(other->state));
	add_stranger(left, space);
}

static void print_left(struct render_text *render)
{
	unsigned int states[ST_COUNT] = { 0 };
	char ends[TEXT_SIZE];
	char keeper[TEXT_SIZE];
	unsigned int count = 0;

	for (const struct tcp_socket *socket = render->session->sockets; socket;
	     socket = socket->next) {
		if (!socket->left)
			continue;
		if (count++ == 0)
			line(render, "left in the kernel:");
		if (count > SHOWN_MAX) {
			states[socket->state]++;
			continue;
		}
		snprintf(keeper, sizeof(keeper), "%s",
			 state_name(socket->state));
		add_keeper(socket, keeper);
		line(render, "  %s %s (pid %d, %s)", ends_of(socket, ends),
		     keeper, socket->owner->pid,
		     process_last_image(socket->owner)->command);
	}
	for (int i = 0; i < ST_COUNT; i++) {
		if (states[i] > 0)
			line(render, "  and %u more in %s", states[i],
			     state_name((enum tcp_state)i));
	}
}

void render_text_summary(struct render_text *render)
{
	struct totals totals = totals_of(render->session);

	print_end(render);
	print_size(render, &totals);
	print_findings(render, &totals);
	print_open(render);
	print_left(render);
	/* What it lacks is said by findings. */
	if (totals.incomplete)
		line(render, "this picture is incomplete");
}
