#include "model/event.h"

#include <string.h>

#include "model/errno_name.h"

static const char *const arrows[] = {
	[ROLE_NONE] = " -- ",
	[ROLE_ACTIVE] = " -> ",
	[ROLE_PASSIVE] = " <- ",
};

static const char *const severity_colors[] = {
	[SEVERITY_NOTE] = "\033[1;36m",
	[SEVERITY_WARNING] = "\033[1;35m",
	[SEVERITY_ERROR] = "\033[1;31m",
};
static const char color_help[] = "\033[1;32m";
static const char color_off[] = "\033[0m";

/* pid 0: of no process, but of the run */
static void add_prefix(struct text *text, int pid)
{
	text_add(text, "tcpshadow: ");
	if (pid == 0)
		return;
	text_add_number(text, pid);
	text_add(text, " ");
}

void event_add_local(struct text *text, const struct subject *subject)
{
	text_add(text, "fd ");
	text_add_number(text, subject->fd);
	text_add(text, " ");
	if (subject->name[0]) {
		text_add(text, "\"");
		text_add(text, subject->name);
		text_add(text, "\" ");
	}
	text_add_address(text, &subject->local);
}

void event_add_subject(struct text *text, const struct subject *subject)
{
	event_add_local(text, subject);
	text_add(text, arrows[subject->role]);
	text_add_address(text, &subject->peer);
}

void event_name_subject(struct subject *subject, const char *name)
{
	struct text text;

	text_begin(&text, subject->name, sizeof(subject->name));
	if (name)
		text_add(&text, name);
}

struct transition event_step(const struct walk *walk, unsigned int number)
{
	const struct edge *edge = machine_edges(NULL) + walk->rows[number];
	bool last = number == walk->length - 1U;

	return (struct transition){
		.subject = { .fd = walk->fd,
			     .role = (enum role)walk->role,
			     .local = walk->local,
			     .peer = walk->peer,
			     .cookie = walk->cookie },
		.edge = edge,
		.evidence = last ? (enum evidence)walk->evidence
				 : EVIDENCE_INFERRED,
		.likely = last && walk->likely,
		.call = (enum call)walk->call,
		.result = walk->result,
		.error = walk->error,
		.unread = edge->event == EVENT_ABORT ? walk->unread : 0,
	};
}

static void add_padded(struct text *text, unsigned int number,
		       unsigned int digits)
{
	for (unsigned int limit = 10; --digits > 0; limit *= 10) {
		if (number < limit)
			text_add(text, "0");
	}
	text_add_number(text, number);
}

void event_add_mark(struct text *text, int pid, uint64_t time,
		    const char *label)
{
	uint64_t seconds = time / 1000000000;

	add_prefix(text, pid);
	text_add(text, "mark at ");
	add_padded(text, (unsigned int)(seconds / 3600 % 24), 2);
	text_add(text, ":");
	add_padded(text, (unsigned int)(seconds / 60 % 60), 2);
	text_add(text, ":");
	add_padded(text, (unsigned int)(seconds % 60), 2);
	text_add(text, ".");
	add_padded(text, (unsigned int)(time / 1000 % 1000000), 6);
	text_add(text, " UTC: ");
	text_add_bytes(text, label, strnlen(label, 4 * MARK_LABEL_SIZE));
	text_add(text, "\n");
}

void event_add_error(struct text *text, int error)
{
	const char *name = errno_name(error);

	if (name)
		text_add(text, name);
	else
		text_add_number(text, error);
}

void event_add_result(struct text *text, enum call call, long result, int error)
{
	text_add(text, call_name(call));
	if (call == CALL_NONE)
		return;
	text_add(text, "() = ");
	text_add_number(text, result);
	if (result >= 0)
		return;
	text_add(text, " ");
	event_add_error(text, error);
}

void event_add_cause(struct text *text, const struct transition *t)
{
	if (t->evidence == EVIDENCE_CALL) {
		event_add_result(text, t->call, t->result, t->error);
		text_add(text, ", ");
	}
	if (t->unread > 0) {
		text_add_number(text, t->unread);
		text_add(text, t->unread == 1 ? " byte was unread: "
					      : " bytes were unread: ");
	}
	text_add(text, t->edge->text);
	if (t->likely)
		text_add(text, ", likely");
	if (t->evidence == EVIDENCE_INFERRED)
		text_add(text, " (inferred)");
	if (t->evidence == EVIDENCE_KERNEL) {
		text_add(text, " (kernel, seen at ");
		text_add(text, call_name(t->call));
		text_add(text, t->call == CALL_NONE ? ")" : "())");
	}
}

void event_add_transition(struct text *text, const struct transition *t)
{
	add_prefix(text, t->subject.pid);
	event_add_subject(text, &t->subject);
	text_add(text, " ");
	text_add(text, state_name(t->edge->from));
	text_add(text, " -> ");
	text_add(text, state_name(t->edge->to));
	text_add(text, ": ");
	event_add_cause(text, t);
	text_add(text, "\n");
}

static void add_colored(struct text *text, const char *color, const char *word,
			bool on)
{
	if (on)
		text_add(text, color);
	text_add(text, word);
	text_add(text, ":");
	if (on)
		text_add(text, color_off);
	text_add(text, " ");
}

static void add_indented(struct text *text, const char *lines)
{
	while (*lines) {
		size_t length = strcspn(lines, "\n");

		text_add(text, "    ");
		text_add_bytes(text, lines, length);
		text_add(text, "\n");
		lines += length + (lines[length] == '\n');
	}
}

void event_add_finding(struct text *text, const struct finding *finding)
{
	enum severity severity = rule_severity(finding->rule);

	add_prefix(text, finding->subject.pid);
	add_colored(text, severity_colors[severity], severity_name(severity),
		    finding->color);
	text_add(text, finding->message);
	text_add(text, " [");
	text_add(text, rule_slug(finding->rule));
	text_add(text, "]\n");
	if (finding->subject.fd >= 0) {
		text_add(text, "    ");
		event_add_subject(text, &finding->subject);
		text_add(text, "\n");
	}
	add_indented(text, finding->stack);
	add_indented(text, finding->details);
	if (finding->help[0]) {
		text_add(text, "    ");
		add_colored(text, color_help, "help", finding->color);
		text_add(text, finding->help);
		text_add(text, "\n");
	}
}
