#include "command/unfinished.h"

#include <stdio.h>
#include <string.h>

#include "command/suppressions.h"
#include "model/at_exit.h"

enum { TEXT_SIZE = 256 };

/* One at a place; what comes again there is counted. */
static void say(struct session *session, struct found *found)
{
	struct tcp_socket *socket = found->socket;

	if (session_find(session, found->process, found->rule, socket->born,
			 0)) {
		session_repeated(session, found->process, found->rule,
				 socket->born, 0, 1);
		return;
	}
	found->time = found->process->ended;
	found->subject = session_subject(socket);
	found->subject.pid = found->process->pid;
	/* The place to blame is where the socket came from. */
	found->stack = socket->born;
	found->suppressed =
		suppressions_match(session->symbols, found->rule, found->stack);
	session_found(session, found);
}

static bool was_said(const struct session *session, enum rule rule,
		     const struct tcp_socket *socket)
{
	const struct found *found = session->found;

	while (found && (found->rule != rule || found->socket != socket))
		found = found->next;
	return found != NULL;
}

/* One that has ended, and what is found out about it once. */
struct judging {
	struct session *session;
	struct process *process;
	const struct unfinished_options *options;
	bool asked;
	uint64_t accepted; /* its last connection; 0: none */
};

static void find_last_accept(struct judging *judging)
{
	for (const struct tcp_socket *socket = judging->session->sockets;
	     socket; socket = socket->next) {
		if (socket->role == ROLE_PASSIVE && !socket->listened &&
		    socket->first > judging->accepted &&
		    process_last_image(socket->steps[0].process) ==
			    judging->process)
			judging->accepted = socket->first;
	}
}

static bool has_accepted_since(struct judging *judging, uint64_t time)
{
	if (!judging->asked)
		find_last_accept(judging);
	judging->asked = true;
	return judging->accepted > time;
}

/* The step that read the end of file, NULL if none is known to have. */
static const struct step *end_that_was_read(const struct tcp_socket *socket)
{
	const struct step *step = socket->steps + socket->step_count - 1;

	return step->edge->to == ST_CLOSE_WAIT &&
			       step->evidence == EVIDENCE_CALL
		       ? step
		       : NULL;
}

static bool judge_leak(struct judging *judging, struct tcp_socket *socket)
{
	struct process *process = judging->process;
	const struct step *step = end_that_was_read(socket);
	char text[TEXT_SIZE];
	struct detail detail = { .text = text };
	struct found found = { .rule = RULE_CLOSE_WAIT_LEAK,
			       .process = process,
			       .socket = socket,
			       .details = &detail,
			       .detail_count = 1,
			       .message = AT_EXIT_LEAK "at its end",
			       .help = AT_EXIT_LEAK_HELP };
	uint64_t waited;

	if (!step || process->ended < step->time)
		return false;
	waited = (process->ended - step->time) / 1000000;
	if (waited < AT_EXIT_MOMENT &&
	    waited < judging->options->close_wait * 1000 &&
	    !has_accepted_since(judging, step->time))
		return false;
	if (was_said(judging->session, found.rule, socket))
		return true;
	snprintf(text, sizeof(text),
		 "the connection was made there, and has been in CLOSE_WAIT "
		 "for %llu ms",
		 (unsigned long long)waited);
	detail.text = session_text(judging->session, text);
	say(judging->session, &found);
	return true;
}

static void judge_left_open(struct session *session, struct process *process,
			    struct tcp_socket *socket)
{
	char message[TEXT_SIZE];
	struct detail detail = { .text = "the socket was made there" };
	struct found found = { .rule = RULE_LEFT_OPEN,
			       .process = process,
			       .socket = socket,
			       .details = &detail,
			       .detail_count = 1,
			       .help = AT_EXIT_LEFT_OPEN_HELP };

	if (!socket->born)
		return;
	snprintf(message, sizeof(message), "%s%s", AT_EXIT_LEFT_OPEN,
		 state_name(socket->open_state));
	found.message = session_text(session, message);
	say(session, &found);
}

/* The program began with it, as a rule after a fork: another one made it. */
static void judge_inherited(struct session *session, struct process *process,
			    const struct inherited *inherited)
{
	struct tcp_socket *socket = session_socket(session, inherited->cookie);
	struct detail detail = { .text = "the listener was made there, by the "
					 "program before this one" };
	struct found found = { .rule = RULE_INHERITED_LISTENER,
			       .process = process,
			       .socket = socket,
			       .details = &detail,
			       .detail_count = socket && socket->born ? 1 : 0,
			       .message = AT_EXIT_INHERITED,
			       .help = AT_EXIT_INHERITED_HELP };

	if (!socket || !socket->listened || inherited->used)
		return;
	say(session, &found);
}

void unfinished_judge(struct session *session, struct process *process,
		      const struct unfinished_options *options)
{
	struct judging judging = { .session = session,
				   .process = process,
				   .options = options };

	if (process->finished)
		return;
	/* What was open at its end has not been looked up yet. */
	for (struct tcp_socket *socket = session->live; socket;
	     socket = socket->live_next) {
		if (socket->owner != process ||
		    socket->open_state == ST_UNKNOWN)
			continue;
		if (!judge_leak(&judging, socket) && options->left_open)
			judge_left_open(session, process, socket);
	}
	for (const struct inherited *inherited = process->inherited; inherited;
	     inherited = inherited->next)
		judge_inherited(session, process, inherited);
}
