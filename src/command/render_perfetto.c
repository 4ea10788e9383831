#include "command/render_perfetto.h"

#include <jansson.h>
#include <stdlib.h>

#include "command/connections.h"
#include "command/say.h"

enum { TEXT_SIZE = 512 };

struct perfetto {
	FILE *stream;
	struct session *session;
	bool begun;
	bool failed;
	unsigned int flows;
};

/*
 * Each event is written as soon as it is made: a long run has millions. Takes
 * it over.
 */
static void put(struct perfetto *perfetto, json_t *event)
{
	fputs(perfetto->begun ? ",\n" : "\n", perfetto->stream);
	perfetto->begun = true;
	if (json_dumpf(need_memory(event), perfetto->stream, JSON_COMPACT) < 0)
		perfetto->failed = true;
	json_decref(event);
}

static json_int_t microseconds(const struct perfetto *perfetto, uint64_t time)
{
	uint64_t zero = perfetto->session->started;

	return time > zero ? (json_int_t)((time - zero) / 1000) : 0;
}

/*
 * The pid, unless another process of the run had it later: of one pid there is
 * one track. Numbers from the kernel's PID_MAX_LIMIT on are nobody's pid.
 */
static json_int_t track_of(const struct perfetto *perfetto,
			   const struct process *process)
{
	enum { PID_LIMIT = 1 << 22 };

	if (session_pid(perfetto->session, process->pid) == process)
		return process->pid;
	return PID_LIMIT + (json_int_t)process->number;
}

static json_int_t socket_track(const struct perfetto *perfetto,
			       const struct tcp_socket *socket)
{
	return track_of(perfetto, connection_process(socket));
}

static json_t *event_of(const char *phase, const char *name, json_int_t track,
			json_int_t thread)
{
	return json_pack("{s:s, s:s, s:I, s:I}", "ph", phase, "name", name,
			 "pid", track, "tid", thread);
}

static void put_name(struct perfetto *perfetto, const char *what,
		     json_int_t track, json_int_t thread, const char *key,
		     json_t *value)
{
	json_t *event = event_of("M", what, track, thread);

	json_object_set_new(event, "args", json_pack("{s:o}", key, value));
	put(perfetto, event);
}

static void put_process(struct perfetto *perfetto,
			const struct process *process)
{
	json_int_t track = track_of(perfetto, process);
	json_t *name = track == process->pid
			       ? json_string(process->command)
			       : json_sprintf("%s (pid %d)", process->command,
					      process->pid);

	put_name(perfetto, "process_name", track, 0, "name", name);
	put_name(perfetto, "process_labels", track, 0, "labels",
		 json_string(process->arguments));
	put_name(perfetto, "process_sort_index", track, 0, "sort_index",
		 json_integer(process->number));
}

static json_t *state_arguments(const struct tcp_socket *socket,
			       const struct step *step)
{
	static const char *const words[] = {
		[EVIDENCE_CALL] = "call",
		[EVIDENCE_KERNEL] = "kernel",
		[EVIDENCE_INFERRED] = "inferred",
	};
	struct transition transition = session_transition(socket, step);
	char space[TEXT_SIZE];
	struct text text;

	text_begin(&text, space, sizeof(space));
	event_add_cause(&text, &transition);
	return json_pack("{s:s, s:s, s:s, s:b, s:i}", "cause", space,
			 "evidence", words[step->evidence], "rfc9293",
			 step->edge->section, "likely", step->likely, "fd",
			 step->fd);
}

/* CLOSED lasts no time: it is there to say why. */
static json_int_t end_of(const struct perfetto *perfetto,
			 const struct tcp_socket *socket, unsigned int i)
{
	if (i + 1 < socket->step_count)
		return microseconds(perfetto, socket->steps[i + 1].time);
	if (socket->steps[i].edge->to == ST_CLOSED)
		return microseconds(perfetto, socket->steps[i].time);
	return microseconds(perfetto, perfetto->session->ended);
}

static void put_states(struct perfetto *perfetto,
		       const struct tcp_socket *socket)
{
	json_int_t track = socket_track(perfetto, socket);

	for (unsigned int i = 0; i < socket->step_count; i++) {
		const struct step *step = &socket->steps[i];
		json_int_t from = microseconds(perfetto, step->time);
		json_int_t end = end_of(perfetto, socket, i);
		json_t *event = event_of("X", state_name(step->edge->to), track,
					 socket->number);

		json_object_set_new(event, "cat", json_string("state"));
		json_object_set_new(event, "ts", json_integer(from));
		json_object_set_new(event, "dur",
				    json_integer(end > from ? end - from : 0));
		json_object_set_new(event, "args",
				    state_arguments(socket, step));
		put(perfetto, event);
	}
}

static void put_socket(struct perfetto *perfetto,
		       const struct tcp_socket *socket)
{
	struct subject subject = session_subject(socket);
	json_int_t track = socket_track(perfetto, socket);
	char space[TEXT_SIZE];
	struct text text;

	text_begin(&text, space, sizeof(space));
	if (socket->listened)
		event_add_local(&text, &subject);
	else
		event_add_subject(&text, &subject);
	put_name(perfetto, "thread_name", track, socket->number, "name",
		 json_string(space));
	put_name(perfetto, "thread_sort_index", track, socket->number,
		 "sort_index", json_integer(socket->number));
	put_states(perfetto, socket);
}

static void put_flow_end(struct perfetto *perfetto, const char *phase,
			 const char *name, const struct tcp_socket *socket,
			 json_int_t at)
{
	json_t *event = event_of(phase, name, socket_track(perfetto, socket),
				 socket->number);

	json_object_set_new(event, "cat", json_string("connection"));
	json_object_set_new(event, "id", json_integer(perfetto->flows));
	json_object_set_new(event, "ts", json_integer(at));
	if (phase[0] == 'f')
		json_object_set_new(event, "bp", json_string("e"));
	put(perfetto, event);
}

/* An arrow; it cannot go back in time, however late its cause was told. */
static void put_flow(struct perfetto *perfetto, const char *name,
		     const struct tcp_socket *from, const struct step *cause,
		     const struct tcp_socket *to, const struct step *effect)
{
	if (!cause || !effect || cause->time > effect->time)
		return;
	perfetto->flows++;
	put_flow_end(perfetto, "s", name, from,
		     microseconds(perfetto, cause->time));
	put_flow_end(perfetto, "f", name, to,
		     microseconds(perfetto, effect->time));
}

static void put_flows(struct perfetto *perfetto,
		      const struct connection *connection)
{
	const struct tcp_socket *one = connection->one;
	const struct tcp_socket *two = connection->two;

	if (!two || one->step_count == 0 || two->step_count == 0)
		return;
	put_flow(perfetto, "open", two, &two->steps[0], one, &one->steps[0]);
	put_flow(perfetto, "close", one, connection_own_end(one), two,
		 connection_peer_end(two));
	put_flow(perfetto, "close", two, connection_own_end(two), one,
		 connection_peer_end(one));
}

static void put_finding(struct perfetto *perfetto, const struct found *found)
{
	const struct process *process =
		found->process ? process_last_image(found->process) : NULL;
	const struct tcp_socket *socket = found->socket;
	const char *scope = socket ? "t" : process ? "p" : "g";
	json_int_t track = process ? track_of(perfetto, process) : 0;
	json_t *event;

	if (socket)
		track = socket_track(perfetto, socket);
	event = event_of("i", rule_slug(found->rule), track,
			 socket ? socket->number : track);
	json_object_set_new(event, "cat", json_string("finding"));
	json_object_set_new(event, "s", json_string(scope));
	json_object_set_new(event, "ts",
			    json_integer(microseconds(perfetto, found->time)));
	json_object_set_new(event, "args",
			    json_pack("{s:s, s:s, s:s, s:I}", "severity",
				      severity_name(rule_severity(found->rule)),
				      "message", found->message, "help",
				      found->help ? found->help : "", "times",
				      (json_int_t)found->repeated + 1));
	put(perfetto, event);
}

static void put_connections(struct perfetto *perfetto)
{
	size_t count;
	struct connection *list = connections_make(perfetto->session, &count);

	for (size_t i = 0; i < count; i++)
		put_flows(perfetto, &list[i]);
	free(list);
}

bool render_perfetto(FILE *stream, struct session *session,
		     const struct arguments *arguments)
{
	struct perfetto perfetto = { .stream = stream, .session = session };

	(void)arguments;
	fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", stream);
	for (const struct process *process = session->processes; process;
	     process = process->next) {
		if (!process->replaced_by)
			put_process(&perfetto, process);
	}
	for (const struct tcp_socket *socket = session->sockets; socket;
	     socket = socket->next)
		put_socket(&perfetto, socket);
	put_connections(&perfetto);
	for (const struct found *found = session->found; found;
	     found = found->next) {
		if (!found->suppressed)
			put_finding(&perfetto, found);
	}
	fputs("\n]}\n", stream);
	return !perfetto.failed;
}
