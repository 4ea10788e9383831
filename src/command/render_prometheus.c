/*
 * All labels come from our own tables, so there is nothing in them to escape.
 * What did not happen is there as 0: a rate over it is 0 then, not absent.
 */
#include "command/render_prometheus.h"

#include <inttypes.h>

#include "command/totals.h"

static void head(FILE *stream, const char *name, const char *type,
		 const char *help)
{
	fprintf(stream, "# HELP tcpshadow_%s %s\n# TYPE tcpshadow_%s %s\n",
		name, help, name, type);
}

static void sum(FILE *stream, const char *name, const char *type,
		const char *help, uint64_t value)
{
	head(stream, name, type, help);
	fprintf(stream, "tcpshadow_%s %" PRIu64 "\n", name, value);
}

static void put_transitions(FILE *stream, const struct session *session)
{
	size_t count;
	const struct edge *edges = machine_edges(&count);

	head(stream, "transitions_total", "counter",
	     "Steps from one TCP state to another.");
	for (size_t i = 0; i < count; i++)
		fprintf(stream,
			"tcpshadow_transitions_total{from=\"%s\",to=\"%s\","
			"event=\"%s\"} %u\n",
			state_name(edges[i].from), state_name(edges[i].to),
			machine_event_text(edges[i].event),
			session->edge_counts[i]);
}

static void put_findings(FILE *stream, const struct totals *totals)
{
	head(stream, "findings_total", "counter",
	     "Findings that were not suppressed.");
	for (int i = 0; i < RULE_COUNT; i++) {
		enum rule rule = (enum rule)i;

		fprintf(stream,
			"tcpshadow_findings_total{rule=\"%s\",severity=\"%s\"} "
			"%u\n",
			rule_slug(rule), severity_name(rule_severity(rule)),
			totals->by_rule[i]);
	}
}

static void put_sockets(FILE *stream, const struct sums *sockets)
{
	head(stream, "sockets", "gauge", "Sockets by their last state.");
	for (int i = ST_CLOSED; i < ST_COUNT; i++)
		fprintf(stream, "tcpshadow_sockets{state=\"%s\"} %u\n",
			state_name((enum tcp_state)i), sockets->states[i]);
	sum(stream, "sent_bytes_total", "counter",
	    "Bytes that the programs have sent, by the kernel's count.",
	    sockets->sent);
	sum(stream, "received_bytes_total", "counter",
	    "Bytes that the programs were sent, by the kernel's count.",
	    sockets->received);
	sum(stream, "resent_segments_total", "counter",
	    "Segments that were sent again.", sockets->retransmits);
}

bool render_prometheus(FILE *stream, struct session *session,
		       const struct arguments *arguments)
{
	struct totals totals = totals_of(session);

	(void)arguments;
	put_transitions(stream, session);
	put_findings(stream, &totals);
	put_sockets(stream, &totals.sockets);
	sum(stream, "processes", "gauge",
	    "Processes of the run that were followed.", totals.processes);
	sum(stream, "lost_events_total", "counter",
	    "Events that were lost, or begun and never finished.",
	    session->lost + session->holes);
	sum(stream, "incomplete", "gauge",
	    "1: something of the run could not be seen.", totals.incomplete);
	head(stream, "duration_seconds", "gauge", "How long the run took.");
	fprintf(stream, "tcpshadow_duration_seconds %.6f\n", totals.seconds);
	head(stream, "end_timestamp_seconds", "gauge",
	     "When the run ended, since the epoch.");
	fprintf(stream, "tcpshadow_end_timestamp_seconds %.3f\n",
		(double)session->ended / 1e9);
	return true;
}
