/* A session: its processes and findings. */
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/say.h"
#include "command/session_index.h"

struct pid_entry {
	int pid;
	struct process *process;
};

struct session *session_new(void)
{
	struct session *session = need_memory(calloc(1, sizeof(*session)));
	size_t edges;

	session->index = need_memory(calloc(1, sizeof(*session->index)));
	session->symbols = symbols_new();
	machine_edges(&edges);
	session->edge_counts =
		need_memory(calloc(edges, sizeof(*session->edge_counts)));
	session->index->last_process = &session->processes;
	session->index->last_socket = &session->sockets;
	session->index->oldest = &session->sockets;
	session->index->last_found = &session->found;
	return session;
}

static void keep(void *pointer)
{
	(void)pointer;
}

static void free_process(struct process *process)
{
	while (process->stacks) {
		struct stack *stack = process->stacks;

		process->stacks = stack->next;
		free(stack);
	}
	while (process->inherited) {
		struct inherited *inherited = process->inherited;

		process->inherited = inherited->next;
		free(inherited);
	}
	free(process);
}

void session_free(struct session *session)
{
	struct session_index *index = session->index;

	tdestroy(index->numbers, keep);
	tdestroy(index->pids, free);
	while (session->processes) {
		struct process *process = session->processes;

		session->processes = process->next;
		free_process(process);
	}
	session_free_sockets(session);
	while (session->found) {
		struct found *found = session->found;

		session->found = found->next;
		free(found->details);
		free(found);
	}
	symbols_free(session->symbols);
	tdestroy(index->texts, free);
	free(index);
	free(session->edge_counts);
	free(session);
}

void session_watch(struct session *session, struct watch *watch)
{
	struct watch **end = &session->watches;

	while (*end)
		end = &(*end)->next;
	watch->next = NULL;
	*end = watch;
}

const char *session_text(struct session *session, const char *text)
{
	return say_once(&session->index->texts, text);
}

const char *session_told(struct session *session, const char *text)
{
	char *plain = say_plain(text);
	const char *once = session_text(session, plain);

	free(plain);
	return once;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct process *one = a;
	const struct process *two = b;

	return (one->number > two->number) - (one->number < two->number);
}

struct process *session_process(const struct session *session, uint32_t number)
{
	struct process key = { .number = number };
	struct process **found =
		tfind(&key, &session->index->numbers, compare_numbers);

	return found ? *found : NULL;
}

static int compare_pids(const void *a, const void *b)
{
	const struct pid_entry *one = a;
	const struct pid_entry *two = b;

	return (one->pid > two->pid) - (one->pid < two->pid);
}

static struct pid_entry *find_pid(const struct session *session, int pid)
{
	struct pid_entry key = { .pid = pid };
	struct pid_entry **found =
		tfind(&key, &session->index->pids, compare_pids);

	return found ? *found : NULL;
}

struct process *session_pid(const struct session *session, int pid)
{
	struct pid_entry *entry = find_pid(session, pid);

	return entry ? entry->process : NULL;
}

struct process *session_own_pid(const struct session *session, uint64_t pids,
				int own_pid)
{
	struct process *found = NULL;

	if (pids == 0)
		return session_pid(session, own_pid);
	for (struct process *process = session->processes; process;
	     process = process->next) {
		if (process->pids == pids && process->own_pid == own_pid)
			found = process;
	}
	return found;
}

const struct process *process_last_image(const struct process *process)
{
	while (process->replaced_by)
		process = process->replaced_by;
	return process;
}

/* The pid leads to this process from now on. */
static void take_pid(struct session *session, struct process *process)
{
	struct pid_entry *entry = find_pid(session, process->pid);

	if (!entry) {
		entry = need_memory(calloc(1, sizeof(*entry)));
		entry->pid = process->pid;
		need_memory(
			tsearch(entry, &session->index->pids, compare_pids));
	} else if (!process->forked && !entry->process->gone &&
		   !entry->process->replaced_by) {
		process->replaced = entry->process;
		entry->process->replaced_by = process;
		entry->process->ended = process->started;
	}
	entry->process = process;
}

struct process *session_start(struct session *session,
			      const struct process *start)
{
	struct process *process = session_process(session, start->number);

	/* Told twice: a trace that was tampered with. */
	if (process)
		return process;
	process = need_memory(calloc(1, sizeof(*process)));
	*process = *start;
	process->next = NULL;
	process->stacks = NULL;
	process->inherited = NULL;
	process->replaced = NULL;
	process->replaced_by = NULL;
	process->started = session_time(start->started);
	if (!process->hidden)
		take_pid(session, process);
	if (!process->parent && process->replaced)
		process->parent = process->replaced->parent;
	if (process->parent && process->forked) {
		process->program = process->parent->program;
		process->command = process->parent->command;
		process->arguments = process->parent->arguments;
	}
	if (process->network == 0 && process->parent)
		process->network = process->parent->network;
	*session->index->last_process = process;
	session->index->last_process = &process->next;
	session->process_count++;
	need_memory(
		tsearch(process, &session->index->numbers, compare_numbers));
	TELL(session, started, process);
	return process;
}

void session_finished(struct session *session, struct process *process)
{
	(void)session;
	process->finished = true;
}

static bool is_open(enum tcp_state state)
{
	return state == ST_LISTEN || state == ST_SYN_SENT ||
	       state == ST_SYN_RCVD || state == ST_ESTABLISHED ||
	       state == ST_CLOSE_WAIT;
}

static struct inherited *find_inherited(const struct process *process,
					uint64_t cookie)
{
	struct inherited *inherited = process->inherited;

	while (inherited && inherited->cookie != cookie)
		inherited = inherited->next;
	return inherited;
}

void session_inherited(struct session *session, struct process *process,
		       uint64_t cookie, int fd)
{
	struct inherited *inherited;

	if (find_inherited(process, cookie))
		return;
	inherited = need_memory(calloc(1, sizeof(*inherited)));
	inherited->cookie = cookie;
	inherited->fd = fd;
	inherited->next = process->inherited;
	process->inherited = inherited;
	TELL(session, inherited, process, cookie, fd);
}

void session_used(struct process *process, uint64_t cookie)
{
	struct inherited *inherited = find_inherited(process, cookie);

	if (inherited)
		inherited->used = true;
}

/* Did it come over the exec, if there was one? Most are closed by it. */
static bool has_still(const struct process *process,
		      const struct tcp_socket *socket)
{
	return socket->owner == process ||
	       (process_last_image(socket->owner) == process &&
		find_inherited(process, socket->cookie));
}

/* What the program has not closed when it ended. */
static void note_open(struct session *session, const struct process *process)
{
	for (struct tcp_socket *socket = session->live; socket;
	     socket = socket->live_next) {
		if (has_still(process, socket) && !socket->released &&
		    is_open(socket->state))
			socket->open_state = socket->state;
	}
}

void session_gone(struct session *session, struct process *process,
		  uint64_t time, const int *status)
{
	if (process->gone)
		return;
	note_open(session, process);
	process->gone = true;
	process->ended = session_time(time);
	if (status) {
		process->status_known = true;
		process->status = *status;
	}
	TELL(session, ended, process);
}

static struct stack *own_stack(const struct process *process, uint32_t id)
{
	struct stack *stack = process->stacks;

	while (stack && stack->id != id)
		stack = stack->next;
	return stack;
}

/*
 * After a fork both processes go on counting where they were: the same id may
 * be another stack in the parent.
 */
struct stack *session_add_stack(struct session *session,
				struct process *process, uint32_t id,
				struct place *const *places, unsigned int count)
{
	struct stack *stack = own_stack(process, id);

	if (stack || id == 0)
		return stack;
	stack = need_memory(
		calloc(1, sizeof(*stack) + count * sizeof(*places)));
	stack->id = id;
	stack->number = ++session->stack_count;
	stack->count = count;
	memcpy(stack->places, places, count * sizeof(*places));
	stack->next = process->stacks;
	process->stacks = stack;
	TELL(session, stack, process, stack);
	return stack;
}

void session_add_birth(struct session *session, struct process *process,
		       uint32_t id, uint64_t cookie)
{
	const struct tcp_socket *socket = session_socket(session, cookie);

	if (socket && socket->born)
		session_add_stack(session, process, id, socket->born->places,
				  socket->born->count);
}

/* A forked process has its parent's stacks too. */
struct stack *session_stack(const struct process *process, uint32_t id)
{
	for (; id != 0 && process;
	     process = process->forked ? process->parent : NULL) {
		struct stack *stack = own_stack(process, id);

		if (stack)
			return stack;
	}
	return NULL;
}

struct found *session_found(struct session *session, const struct found *from)
{
	struct found *found = need_memory(calloc(1, sizeof(*found)));
	enum severity severity = rule_severity(from->rule);

	*found = *from;
	found->next = NULL;
	found->time = session_time(from->time);
	found->details = need_memory(
		calloc(from->detail_count + 1, sizeof(*found->details)));
	if (from->detail_count > 0)
		memcpy(found->details, from->details,
		       from->detail_count * sizeof(*found->details));
	if (found->socket)
		event_name_subject(&found->subject, found->socket->name);
	*session->index->last_found = found;
	session->index->last_found = &found->next;
	/* Also one that is not shown keeps its socket. */
	if (found->socket)
		found->socket->found++;
	if (found->suppressed) {
		session->suppressed++;
	} else {
		session->counts[severity]++;
		if (found->process)
			found->process->found[severity]++;
		if (found->socket && found->socket->worst <= severity)
			found->socket->worst = severity + 1;
	}
	TELL(session, finding, found);
	return found;
}

struct found *session_find(const struct session *session,
			   const struct process *process, enum rule rule,
			   const struct stack *stack, uint32_t about)
{
	struct found *found = session->found;

	while (found && (found->process != process || found->rule != rule ||
			 found->stack != stack || found->about != about))
		found = found->next;
	return found;
}

/* What was told before a fork comes again in the child. */
bool session_repeated(struct session *session, const struct process *process,
		      enum rule rule, const struct stack *stack, uint32_t about,
		      unsigned int count)
{
	struct found *found = NULL;

	for (; !found && process;
	     process = process->forked ? process->parent : NULL)
		found = session_find(session, process, rule, stack, about);
	if (!found)
		return false;
	found->repeated += count;
	TELL(session, repeated, found, count);
	return true;
}

void session_untold(struct session *session, struct process *process,
		    enum rule rule, unsigned int count)
{
	process->untold[rule] += count;
	TELL(session, untold, process, rule, count);
}

void session_message(struct session *session, const struct process *process,
		     const char *text)
{
	TELL(session, message, process, session_text(session, text));
}

void session_marked(struct session *session, const struct process *process,
		    uint64_t time, const char *label)
{
	TELL(session, marked, process, session_time(time),
	     session_text(session, label));
}

void session_blind(struct session *session, struct process *process,
		   const char *format, ...)
{
	struct found found = { .rule = RULE_BLIND_SPOT,
			       .process = process,
			       .time = session->ended,
			       .subject = { .fd = -1,
					    .pid = process ? process->pid : 0 },
			       .help = "" };
	char *text = NULL;
	va_list list;

	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	found.message = session_text(session, need_memory(text));
	free(text);
	session_found(session, &found);
}

void session_caught_up(struct session *session)
{
	TELL(session, caught_up);
}

void session_over(struct session *session)
{
	TELL(session, over);
}
