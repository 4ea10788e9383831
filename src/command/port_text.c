#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/port.h"
#include "command/say.h"
#include "model/errno_name.h"

/* So many descriptors of one socket are named, the rest is counted. */
enum { OWNERS_SHOWN_MAX = 8 };

static const char *address_text(const struct address *address)
{
	static char buffers[4][64];
	static unsigned int next;
	struct text text;

	text_begin(&text, buffers[next++ % 4], sizeof(buffers[0]));
	text_add_address(&text, address);
	return text.buffer;
}

static const char *clock_text(time_t when, const char *format)
{
	static char buffer[32];
	struct tm tm;

	strftime(buffer, sizeof(buffer), format, localtime_r(&when, &tm));
	return buffer;
}

/* The wall clock, so many milliseconds after the question. */
static const char *end_text(const struct port_answer *answer, uint32_t wait)
{
	long milliseconds = answer->asked.tv_nsec / 1000000 + wait + 999;

	return clock_text(answer->asked.tv_sec + milliseconds / 1000,
			  "%H:%M:%S");
}

/* "90 s", "12 min", "7 h", "40 days" */
static const char *age_text(long seconds)
{
	static char buffers[4][32];
	static unsigned int next;
	char *buffer = buffers[next++ % 4];
	const char *unit = "s";

	if (seconds >= 2L * 24 * 3600) {
		seconds /= 24L * 3600;
		unit = "days";
	} else if (seconds >= 2L * 3600) {
		seconds /= 3600;
		unit = "h";
	} else if (seconds >= 2L * 60) {
		seconds /= 60;
		unit = "min";
	}
	snprintf(buffer, sizeof(buffers[0]), "%ld %s",
		 seconds > 0 ? seconds : 0, unit);
	return buffer;
}

static unsigned long in_seconds(uint32_t milliseconds)
{
	return (milliseconds + 999UL) / 1000;
}

static void print_owner(const struct paper *paper, const struct owner *owner)
{
	char *command = say_printable(owner->command);

	fprintf(paper->out, "pid %d (%s) fd %d", owner->pid, command,
		owner->fd);
	free(command);
}

static void print_unseen(const struct port_answer *answer,
			 const struct port_holder *holder,
			 const struct paper *paper)
{
	char *user;

	if (holder->row.inode == 0) {
		/* Sockets of the kernel itself, such as an NFS server's. */
		fputs(holder->row.state == ST_LISTEN ? "the kernel itself"
						     : "no process",
		      paper->out);
		return;
	}
	user = proc_user(holder->row.uid);
	fprintf(paper->out, "a process that cannot be seen (uid %u%s%s)",
		holder->row.uid, user ? ", " : "", user ? user : "");
	free(user);
	if (answer->unreadable > 0)
		return;
	/* /proc may hide all of them from other users (hidepid). */
	fputs(answer->root ? ": in another container, or between two processes"
			   : ": run as root to see it",
	      paper->out);
}

static void print_owners(const struct port_answer *answer,
			 const struct port_holder *holder,
			 const struct paper *paper)
{
	size_t shown = holder->owner_count;

	if (shown == 0)
		print_unseen(answer, holder, paper);
	if (shown > OWNERS_SHOWN_MAX)
		shown = OWNERS_SHOWN_MAX;
	for (size_t i = 0; i < shown; i++) {
		if (i > 0)
			fputs(", ", paper->out);
		print_owner(paper, &holder->owners[i]);
	}
	if (holder->owner_count > shown)
		fprintf(paper->out, " and %zu more",
			holder->owner_count - shown);
}

/* "pid 711 runs since ...": once for each process. */
static void print_processes(const struct port_answer *answer,
			    const struct port_holder *holder, bool *told,
			    const struct paper *paper)
{
	size_t shown = holder->owner_count;

	if (shown > OWNERS_SHOWN_MAX)
		shown = OWNERS_SHOWN_MAX;
	for (size_t i = 0; i < answer->process_count; i++) {
		const struct proc *process = &answer->processes[i];
		bool owns = false;

		for (size_t j = 0; j < shown; j++)
			owns |= holder->owners[j].pid == process->pid;
		if (!owns || told[i] || !process->known)
			continue;
		told[i] = true;
		fprintf(paper->out, "    pid %d runs since %s (%s)",
			process->pid,
			clock_text(process->started, "%Y-%m-%d %H:%M:%S"),
			age_text(answer->asked.tv_sec - process->started));
		if (process->arguments[0] != '\0')
			fprintf(paper->out, ": %s", process->arguments);
		fputs("\n", paper->out);
	}
}

static void print_activity(const struct diag_activity *activity,
			   const struct paper *paper)
{
	uint32_t age = 0;

	if (!activity->known)
		return;
	/* Where nothing has flowed the clock runs since the handshake. */
	if (!activity->sent)
		age = activity->since_sent;
	if (!activity->received && activity->since_received > age)
		age = activity->since_received;
	fputs("    ", paper->out);
	if (age > 0)
		fprintf(paper->out, "connected %s ago, ", age_text(age / 1000));
	fputs(activity->received ? "last data received " : "no data received",
	      paper->out);
	if (activity->received)
		fprintf(paper->out, "%s ago",
			age_text(activity->since_received / 1000));
	fputs(activity->sent ? ", last data sent " : ", no data sent",
	      paper->out);
	if (activity->sent)
		fprintf(paper->out, "%s ago",
			age_text(activity->since_sent / 1000));
	fprintf(paper->out, ", peer last heard %s ago\n",
		age_text(activity->since_heard / 1000));
}

static void print_holder(const struct port_answer *answer,
			 const struct port_holder *holder, bool *told,
			 const struct paper *paper)
{
	const struct diag_row *row = &holder->row;

	terminal_print(paper, LOOK_BOLD, "holder: %s %s",
		       holder_name(holder->class), state_name(row->state));
	fprintf(paper->out, " %s", address_text(&row->local));
	if (row->peer.port)
		fprintf(paper->out, " %s", address_text(&row->peer));
	fputs(" ", paper->out);
	print_owners(answer, holder, paper);
	if (row->timed)
		fprintf(paper->out, ", %lu s left, until %s",
			in_seconds(row->expires),
			end_text(answer, row->expires));
	fputs("\n", paper->out);
	print_processes(answer, holder, told, paper);
	if (row->state == ST_LISTEN && row->receive_queue > 0)
		fprintf(paper->out,
			"    %u connections wait to be accepted (backlog %u)\n",
			row->receive_queue, row->send_queue);
	print_activity(&holder->activity, paper);
}

static void print_state(const struct port_answer *answer, enum tcp_state state,
			bool *told, const struct paper *paper)
{
	unsigned int left = answer->states[state];

	for (size_t i = 0; i < answer->holder_count; i++) {
		if (answer->holders[i].row.state != state)
			continue;
		print_holder(answer, &answer->holders[i], told, paper);
		left--;
	}
	if (left == 0)
		return;
	fprintf(paper->out, "and %u more in %s", left, state_name(state));
	if (answer->longest_wait[state] > 0)
		fprintf(paper->out, "; the last ends in %lu s, at %s",
			in_seconds(answer->longest_wait[state]),
			end_text(answer, answer->longest_wait[state]));
	fputs("\n", paper->out);
}

static void print_holders(const struct port_answer *answer,
			  const struct paper *paper)
{
	bool *told =
		need_memory(calloc(answer->process_count + 1, sizeof(*told)));

	print_state(answer, ST_LISTEN, told, paper);
	for (int state = 0; state < ST_COUNT; state++) {
		if (state != ST_LISTEN)
			print_state(answer, (enum tcp_state)state, told, paper);
	}
	free(told);
}

static void print_headline(const struct port_answer *answer,
			   const struct paper *paper)
{
	bool held = port_is_held(answer);
	const char *separator = ": ";
	uint32_t longest = 0;
	unsigned int timed = 0;

	fputs(answer->request.any ? "port " : "", paper->out);
	if (answer->request.any)
		fprintf(paper->out, "%u", answer->request.address.port);
	else
		fputs(address_text(&answer->request.address), paper->out);
	terminal_print(paper, held ? LOOK_BAD : LOOK_GOOD,
		       held ? " is held" : " is free");
	for (int state = 0; state < ST_COUNT; state++) {
		if (answer->longest_wait[state] > longest)
			longest = answer->longest_wait[state];
		if (answer->longest_wait[state] > 0)
			timed += answer->states[state];
		if (answer->states[state] == 0 || !held)
			continue;
		fprintf(paper->out, "%s%u %s", separator, answer->states[state],
			state == ST_CLOSED ? "bound without listening"
					   : state_name((enum tcp_state)state));
		separator = ", ";
	}
	if (held && longest > 0 && timed == answer->total)
		fprintf(paper->out, "; until %s, if nothing new comes",
			end_text(answer, longest));
	fputs("\n", paper->out);
}

/* "EADDRINUSE", "success" */
static const char *answer_text(long result)
{
	const char *name = errno_name((int)-result);

	if (result == 0)
		return "success";
	return name ? name : strerror((int)-result);
}

static void print_bind(const struct port_bind *answered,
		       const struct paper *paper)
{
	const char *meaning = errno_meaning((int)-answered->plain);

	fprintf(paper->out,
		"bind() to %s now (tried): ", address_text(&answered->address));
	terminal_print(paper, LOOK_BOLD, "%s", answer_text(answered->plain));
	if (answered->plain != 0 && answered->plain != -EADDRINUSE)
		fprintf(paper->out, " (%s)", meaning ? meaning : "?");
	if (answered->plain == -EADDRINUSE) {
		fputs(", with SO_REUSEADDR: ", paper->out);
		terminal_print(paper, LOOK_BOLD, "%s",
			       answer_text(answered->reuseaddr));
	}
	if (answered->plain == -EADDRINUSE && answered->reuseport == 0) {
		fputs(", with SO_REUSEPORT: ", paper->out);
		terminal_print(paper, LOOK_BOLD, "success");
	}
	fputs("\n", paper->out);
}

static bool has_unseen_owners(const struct port_answer *answer)
{
	for (size_t i = 0; i < answer->holder_count; i++) {
		if (answer->holders[i].row.inode != 0)
			return answer->unreadable > 0;
	}
	return false;
}

void port_print_text(const struct port_answer *answer,
		     const struct paper *paper)
{
	enum holder_class causes[HOLDER_COUNT];
	size_t count = port_causes(answer, causes);

	print_headline(answer, paper);
	print_holders(answer, paper);
	if (answer->error != 0)
		fprintf(paper->out,
			"the kernel did not tell who is on the port: %s\n",
			answer_text(answer->error));
	else if (port_is_held(answer) && answer->total == 0)
		fputs("holder: elsewhere: no socket of this network namespace "
		      "shows on the port\n",
		      paper->out);
	for (unsigned int i = 0; i < answer->bind_count; i++)
		print_bind(&answer->binds[i], paper);
	if (has_unseen_owners(answer))
		fprintf(paper->out,
			"%d process%s of other users could not be looked into: "
			"%s to see all owners\n",
			answer->unreadable, answer->unreadable == 1 ? "" : "es",
			answer->root ? "this needs CAP_SYS_PTRACE"
				     : "run as root");
	for (size_t i = 0; i < count; i++) {
		terminal_print(paper, LOOK_HELP, "help:");
		fprintf(paper->out, " %s\n", holder_remedy(causes[i]));
	}
}
