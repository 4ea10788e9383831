/* --perfetto: a trace as ui.perfetto.dev reads it. */
#include "command/render_perfetto.h"

#include <jansson.h>

#include "made.h"

static json_t *trace;
static json_t *events;

static void begin(void)
{
	made_begin();
	trace = NULL;
}

static void finish(void)
{
	json_decref(trace);
	made_end();
}

TestSuite(perfetto, .init = begin, .fini = finish);

static const char *string_of(const json_t *event, const char *key)
{
	const char *string = json_string_value(json_object_get(event, key));

	return string ? string : "";
}

static json_int_t number_of(const json_t *event, const char *key)
{
	return json_integer_value(json_object_get(event, key));
}

static bool is_phase(const json_t *event, const char *phase)
{
	return strcmp(string_of(event, "ph"), phase) == 0;
}

static void load(void)
{
	json_error_t error;

	trace = json_load_file(made_path("trace.json"), JSON_REJECT_DUPLICATES,
			       &error);
	cr_assert(trace, "%s:%d", error.text, error.line);
	events = json_object_get(trace, "traceEvents");
	cr_assert(json_is_array(events));
}

static void render(struct session *session)
{
	FILE *file = fopen(made_path("trace.json"), "w");

	cr_assert(file);
	cr_expect(render_perfetto(file, session, NULL));
	cr_expect_eq(fclose(file), 0);
	load();
}

static int count(const char *phase, const char *name)
{
	const json_t *event;
	size_t i;
	int found = 0;

	json_array_foreach(events, i, event)
		found += is_phase(event, phase) &&
			 (!name || strcmp(string_of(event, "name"), name) == 0);
	return found;
}

/* What the Trace Event Format asks of each phase that we write. */
static void check_fields(void)
{
	const json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		const char *phase = string_of(event, "ph");

		cr_expect(*phase && strchr("MXsfi", *phase), "%s", phase);
		cr_expect_neq(string_of(event, "name")[0], '\0');
		cr_expect(json_is_integer(json_object_get(event, "pid")));
		cr_expect(json_is_integer(json_object_get(event, "tid")));
		if (*phase == 'M') {
			cr_expect(json_object_size(
				json_object_get(event, "args")));
			continue;
		}
		cr_expect(json_is_integer(json_object_get(event, "ts")));
		cr_expect_geq(number_of(event, "ts"), 0);
		if (*phase == 'X')
			cr_expect_geq(number_of(event, "dur"), 0);
		if (*phase == 'i')
			cr_expect(strchr("gpt", string_of(event, "s")[0]));
		if (*phase == 'f')
			cr_expect_str_eq(string_of(event, "bp"), "e");
	}
}

/* A thread's slices stand in order, one after the other. */
static void check_slices(void)
{
	const json_t *event;
	json_int_t thread = -1;
	json_int_t end = 0;
	size_t i;

	json_array_foreach(events, i, event)
	{
		if (!is_phase(event, "X"))
			continue;
		if (number_of(event, "tid") == thread)
			cr_expect_geq(number_of(event, "ts"), end);
		thread = number_of(event, "tid");
		end = number_of(event, "ts") + number_of(event, "dur");
	}
}

static bool is_in_slice(const json_t *flow)
{
	json_int_t time = number_of(flow, "ts");
	const json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		if (is_phase(event, "X") &&
		    number_of(event, "tid") == number_of(flow, "tid") &&
		    number_of(event, "pid") == number_of(flow, "pid") &&
		    number_of(event, "ts") <= time &&
		    time <= number_of(event, "ts") + number_of(event, "dur"))
			return true;
	}
	return false;
}

/* Each arrow has two ends, on slices of different sockets, the first first. */
static void check_flows(void)
{
	const json_t *from = NULL;
	const json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		if (is_phase(event, "s"))
			from = event;
		if (!is_phase(event, "f"))
			continue;
		cr_assert(from);
		cr_expect_eq(number_of(event, "id"), number_of(from, "id"));
		cr_expect_str_eq(string_of(event, "name"),
				 string_of(from, "name"));
		cr_expect_str_eq(string_of(event, "cat"),
				 string_of(from, "cat"));
		cr_expect_neq(number_of(event, "tid"), number_of(from, "tid"));
		cr_expect_leq(number_of(from, "ts"), number_of(event, "ts"));
		cr_expect(is_in_slice(from));
		cr_expect(is_in_slice(event));
		from = NULL;
	}
	cr_expect_null(from);
}

Test(perfetto, a_real_run_is_a_trace)
{
	made_real("perfetto", "trace.json", run_example("sigpipe-death/bad"));
	load();
	check_fields();
	check_slices();
	check_flows();
	cr_expect_eq(count("M", "process_name"), 1);
	cr_expect_eq(count("M", "thread_name"), 3);
	cr_expect_eq(count("X", "LISTEN"), 1);
	cr_expect_eq(count("X", "ESTABLISHED"), 2);
	cr_expect_eq(count("s", "open"), 1);
	cr_expect_eq(count("s", "close"), 1);
	cr_expect_eq(count("i", "sigpipe-death"), 1);
}

Test(perfetto, states_have_their_causes_and_times)
{
	struct session *session = made_session(1);
	const json_t *event;
	size_t i;

	render(session);
	json_array_foreach(events, i, event)
	{
		const json_t *arguments = json_object_get(event, "args");

		if (!is_phase(event, "X") ||
		    strcmp(string_of(event, "name"), "CLOSE_WAIT") != 0)
			continue;
		cr_expect_eq(number_of(event, "ts"), 1021);
		cr_expect_eq(number_of(event, "dur"), 10);
		cr_expect_str_eq(string_of(arguments, "evidence"), "kernel");
		cr_expect_str_eq(string_of(arguments, "rfc9293"), "3.10.7.4");
		cr_expect(strstr(string_of(arguments, "cause"),
				 "the peer has closed"));
	}
	cr_expect_eq(count("X", "CLOSE_WAIT"), 1);
	session_free(session);
}

Test(perfetto, findings_are_instants_where_they_belong)
{
	struct session *session = made_session(1);

	made_finding(session, RULE_DOUBLE_CLOSE, session->processes,
		     session->sockets);
	made_finding(session, RULE_DESCRIPTORS_EXHAUSTED, session->processes,
		     NULL);
	render(session);
	check_fields();
	cr_expect_eq(count("i", "double-close"), 1);
	cr_expect_eq(count("i", "descriptors-exhausted"), 1);
	session_free(session);
}

/* The name that the metadata event gives to a process's or socket's track. */
static const char *name_of(const char *what, json_int_t pid, json_int_t thread)
{
	const json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		if (is_phase(event, "M") && number_of(event, "pid") == pid &&
		    number_of(event, "tid") == thread &&
		    strcmp(string_of(event, "name"), what) == 0)
			return string_of(json_object_get(event, "args"),
					 "name");
	}
	return "";
}

/* The track that a socket's slices lie in. */
static json_int_t pid_of(json_int_t thread)
{
	const json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		if (is_phase(event, "X") && number_of(event, "tid") == thread)
			return number_of(event, "pid");
	}
	return -1;
}

Test(perfetto, processes_of_one_pid_have_a_track_each)
{
	struct session *session = made_session(0);
	struct process start = { .number = 3,
				 .pid = session->processes->pid,
				 .command = "another",
				 .arguments = "another",
				 .started = session->ended };
	struct process *later = session_start(session, &start);

	made_connection(session, session->processes, session->processes, 0);
	made_connection(session, later, later, 1);
	render(session);
	check_flows();
	cr_expect_eq(pid_of(1), pid_of(2));
	cr_expect_eq(pid_of(3), pid_of(4));
	cr_expect_neq(pid_of(1), pid_of(3));
	cr_expect_str_eq(name_of("process_name", pid_of(1), 0),
			 "server (pid 1001)");
	cr_expect_str_eq(name_of("process_name", 1001, 0), "another");
	cr_expect_eq(pid_of(3), 1001);
	session_free(session);
}

Test(perfetto, a_socket_has_the_name_that_the_program_gave_it)
{
	struct session *session = made_session(1);

	session_named(session, session->processes, session->sockets->fd,
		      session->sockets->cookie, "control");
	render(session);
	cr_expect(strstr(name_of("thread_name", pid_of(1), 1), "control"), "%s",
		  name_of("thread_name", pid_of(1), 1));
	session_free(session);
}

Test(perfetto, ten_thousand_connections)
{
	struct session *session = made_session(10000);

	render(session);
	check_fields();
	check_slices();
	cr_expect_eq(count("s", "open"), 10000);
	/* Each end has closed, and the other has learned of it. */
	cr_expect_eq(count("f", "close"), 20000);
	cr_expect_eq(count("M", "thread_name"), 20000);
	session_free(session);
}
