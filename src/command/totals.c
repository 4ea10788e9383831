#include "command/totals.h"

static void add_sockets(struct totals *totals, const struct session *session)
{
	totals->connections = session->folded;
	totals->sockets = session->dropped;
	for (const struct tcp_socket *socket = session->sockets; socket;
	     socket = socket->next) {
		session_sum(&totals->sockets, socket);
		if (socket->listened)
			totals->listeners++;
		else if (!socket->other_end ||
			 socket->other_end->number > socket->number)
			totals->connections++;
	}
}

static void add_findings(struct totals *totals, const struct session *session)
{
	for (const struct found *found = session->found; found;
	     found = found->next) {
		if (found->suppressed)
			continue;
		totals->by_rule[found->rule] += 1 + found->repeated;
		totals->incomplete |= found->rule == RULE_BLIND_SPOT;
	}
	for (const struct process *process = session->processes; process;
	     process = process->next) {
		for (int i = 0; i < RULE_COUNT; i++) {
			totals->untold[i] += process->untold[i];
			totals->by_rule[i] += process->untold[i];
		}
	}
}

struct totals totals_of(const struct session *session)
{
	struct totals totals = {
		.seconds = (double)(session->ended - session->started) / 1e9,
		.incomplete = session->process_count == 0 ||
			      session->lost > 0 || session->holes > 0,
	};

	for (const struct process *process = session->processes; process;
	     process = process->next)
		totals.processes += !process->replaced;
	add_sockets(&totals, session);
	add_findings(&totals, session);
	return totals;
}
