#include "command/render_junit.h"

#include <libxml/xmlwriter.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "command/render_text.h"
#include "command/say.h"
#include "command/signal_name.h"

enum { NAME_SIZE = 256 };

struct junit {
	xmlTextWriter *writer;
	struct session *session;
	const struct arguments *arguments;
	char *directory;
	bool good;
};

enum outcome { PASSED, SKIPPED, FAILED, IN_ERROR, OUTCOME_COUNT };

/* A process, or the run as such. */
struct test_case {
	const struct process *first; /* NULL: the run */
	const struct process *last;
	int signal; /* that has killed it, 0: none */
	enum outcome outcome;
	const struct found *worst; /* of those that count, NULL: none */
	const struct found *blind; /* the first, NULL: none */
	unsigned int counting;
	unsigned int untold; /* that count too, and of which there is no more */
};

static void check(struct junit *junit, int result)
{
	junit->good &= result >= 0;
}

static void begin(struct junit *junit, const char *element)
{
	check(junit,
	      xmlTextWriterStartElement(junit->writer, BAD_CAST element));
}

static void end(struct junit *junit)
{
	check(junit, xmlTextWriterEndElement(junit->writer));
}

static void attribute(struct junit *junit, const char *name, const char *value)
{
	check(junit, xmlTextWriterWriteAttribute(junit->writer, BAD_CAST name,
						 BAD_CAST value));
}

static void number(struct junit *junit, const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	attribute(junit, name, text);
}

static void seconds(struct junit *junit, uint64_t from, uint64_t to)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f",
		 to > from ? (double)(to - from) / 1e9 : 0.0);
	attribute(junit, "time", text);
}

static void property(struct junit *junit, const char *name, const char *value)
{
	begin(junit, "property");
	attribute(junit, "name", name);
	attribute(junit, "value", value);
	end(junit);
}

static void count(struct junit *junit, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	property(junit, name, text);
}

static const struct process *first_image(const struct process *process)
{
	while (process && process->replaced)
		process = process->replaced;
	return process;
}

static bool is_of(const struct found *found, const struct test_case *test_case)
{
	return !found->suppressed &&
	       first_image(found->process) == test_case->first;
}

static bool counts(const struct junit *junit, const struct found *found)
{
	return junit->arguments->counts[found->rule];
}

/*
 * A process that somebody has stopped is no trouble, unless it is the program
 * itself: then nobody of the run is left to have wanted it.
 */
static bool was_asked_to_end(const struct junit *junit,
			     const struct process *first, int number)
{
	return first != junit->session->processes &&
	       (number == SIGTERM || number == SIGKILL || number == SIGINT ||
		number == SIGHUP);
}

/* Was something of the run as such not seen? */
static bool is_incomplete(const struct session *session)
{
	return session->process_count == 0 || session->lost > 0 ||
	       session->holes > 0;
}

/* How often its processes found, beyond what they tell, what counts. */
static unsigned int count_untold(const struct junit *junit,
				 const struct process *process)
{
	unsigned int count = 0;

	for (; process; process = process->replaced_by) {
		for (int i = 0; i < RULE_COUNT; i++)
			count += junit->arguments->counts[i]
					 ? process->untold[i]
					 : 0;
	}
	return count;
}

static struct test_case judge(const struct junit *junit,
			      const struct process *first)
{
	struct test_case it = { .first = first };

	it.last = first ? process_last_image(first) : NULL;
	if (it.last && it.last->status_known && WIFSIGNALED(it.last->status))
		it.signal = WTERMSIG(it.last->status);
	if (was_asked_to_end(junit, first, it.signal))
		it.signal = 0;
	for (const struct found *found = junit->session->found; found;
	     found = found->next) {
		if (!is_of(found, &it))
			continue;
		if (!it.blind && found->rule == RULE_BLIND_SPOT)
			it.blind = found;
		if (!counts(junit, found))
			continue;
		it.counting++;
		if (!it.worst ||
		    rule_severity(found->rule) > rule_severity(it.worst->rule))
			it.worst = found;
	}
	it.untold = count_untold(junit, first);
	if (it.signal)
		it.outcome = IN_ERROR;
	else if (it.worst || it.untold > 0)
		it.outcome = FAILED;
	else if (it.blind || (!first && is_incomplete(junit->session)))
		it.outcome = SKIPPED;
	return it;
}

static void write_finding(struct junit *junit, FILE *stream,
			  const struct found *found)
{
	render_text_finding(stream, junit->session->symbols, found,
			    junit->directory, false);
	if (found->repeated > 0)
		fprintf(stream, "    again: %u more %s\n", found->repeated,
			found->repeated == 1 ? "time" : "times");
}

/* What its processes found beyond that: what counts, or what does not. */
static void write_untold(const struct junit *junit, FILE *stream,
			 const struct process *process, bool counting)
{
	for (; process; process = process->replaced_by) {
		for (int i = 0; i < RULE_COUNT; i++) {
			unsigned int count = process->untold[i];

			if (count > 0 &&
			    junit->arguments->counts[i] == counting)
				fprintf(stream,
					"again: %u more %s at other places "
					"[%s]\n",
					count, count == 1 ? "time" : "times",
					rule_slug((enum rule)i));
		}
	}
}

/* The findings of the case that count. */
static void write_findings(struct junit *junit,
			   const struct test_case *test_case)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));

	for (const struct found *found = junit->session->found; found;
	     found = found->next) {
		if (is_of(found, test_case) && counts(junit, found))
			write_finding(junit, stream, found);
	}
	write_untold(junit, stream, test_case->first, true);
	fclose(stream);
	check(junit, xmlTextWriterWriteString(junit->writer, BAD_CAST text));
	free(text);
}

/* Why it was not wholly seen. */
static void write_gap(FILE *stream, const struct session *session,
		      const struct found *blind)
{
	if (blind)
		fputs(blind->message, stream);
	else if (session->process_count == 0)
		fputs("nothing was seen of the program", stream);
	else
		fprintf(stream, "%llu events were lost",
			(unsigned long long)(session->lost + session->holes));
}

static char *message_of(const struct session *session,
			const struct test_case *test_case)
{
	unsigned int more = test_case->counting ? test_case->counting - 1 : 0;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));

	if (test_case->outcome == SKIPPED)
		write_gap(stream, session, test_case->blind);
	if (test_case->signal)
		fprintf(stream, "killed by %s",
			signal_name(test_case->signal).text);
	if (test_case->signal && (test_case->worst || test_case->untold > 0))
		fputs(": ", stream);
	if (test_case->worst)
		fputs(test_case->worst->message, stream);
	else if (test_case->untold > 0)
		fprintf(stream, "%u %s at places that are not told",
			test_case->untold,
			test_case->untold == 1 ? "finding" : "findings");
	if (more > 0)
		fprintf(stream, " (and %u more %s)", more,
			more == 1 ? "finding" : "findings");
	fclose(stream);
	return text;
}

static void write_outcome(struct junit *junit,
			  const struct test_case *test_case)
{
	static const char *const elements[OUTCOME_COUNT] = {
		[SKIPPED] = "skipped",
		[FAILED] = "failure",
		[IN_ERROR] = "error",
	};
	char *message;

	if (test_case->outcome == PASSED)
		return;
	message = message_of(junit->session, test_case);
	begin(junit, elements[test_case->outcome]);
	attribute(junit, "message", message);
	if (test_case->outcome != SKIPPED)
		attribute(junit, "type",
			  test_case->worst ? rule_slug(test_case->worst->rule)
			  : test_case->signal ? "killed"
					      : "untold");
	write_findings(junit, test_case);
	end(junit);
	free(message);
}

/* A name that is there even where nothing is known. */
static void write_names(struct junit *junit, const struct process *last)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof(name), "pid %d", last->pid);
	attribute(junit, "name",
		  last->arguments && last->arguments[0] ? last->arguments
		  : last->program && last->program[0]   ? last->program
							: name);
	attribute(junit, "classname",
		  last->command && last->command[0] ? last->command
						    : "process");
}

static void write_case(struct junit *junit, const struct test_case *test_case)
{
	const struct session *session = junit->session;
	const struct process *last = test_case->last;

	begin(junit, "testcase");
	if (last) {
		write_names(junit, last);
		seconds(junit, test_case->first->started,
			last->ended ? last->ended : session->ended);
	} else {
		attribute(junit, "name", session->command_line);
		attribute(junit, "classname", "tcpshadow");
		seconds(junit, session->started, session->ended);
	}
	write_outcome(junit, test_case);
	end(junit);
}

static void write_properties(struct junit *junit)
{
	const struct session *session = junit->session;
	unsigned int still_open = 0;
	unsigned int blind = 0;
	int status = session->status;

	for (const struct tcp_socket *socket = session->sockets; socket;
	     socket = socket->next)
		still_open += socket->open_state != ST_UNKNOWN;
	for (const struct found *found = session->found; found;
	     found = found->next)
		blind += found->rule == RULE_BLIND_SPOT && !found->suppressed;
	begin(junit, "properties");
	property(junit, "tcpshadow.version", TCPSHADOW_VERSION);
	property(junit, "tcpshadow.command", session->command_line);
	if (WIFSIGNALED(status))
		count(junit, "tcpshadow.signal", (uint64_t)WTERMSIG(status));
	else if (!session->cut)
		count(junit, "tcpshadow.exit-status",
		      (uint64_t)WEXITSTATUS(status));
	count(junit, "tcpshadow.errors", session->counts[SEVERITY_ERROR]);
	count(junit, "tcpshadow.warnings", session->counts[SEVERITY_WARNING]);
	count(junit, "tcpshadow.notes", session->counts[SEVERITY_NOTE]);
	count(junit, "tcpshadow.suppressed", session->suppressed);
	count(junit, "tcpshadow.still-open", still_open);
	count(junit, "tcpshadow.blind-spots", blind);
	count(junit, "tcpshadow.lost-events", session->lost + session->holes);
	end(junit);
}

/* What does not count, and the summary. */
static void write_output(struct junit *junit)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));
	struct render_text summary = { .session = junit->session,
				       .stream = stream,
				       .directory = junit->directory };

	for (const struct found *found = junit->session->found; found;
	     found = found->next) {
		if (!found->suppressed && !counts(junit, found))
			write_finding(junit, stream, found);
	}
	for (const struct process *process = junit->session->processes; process;
	     process = process->next) {
		if (!process->replaced)
			write_untold(junit, stream, process, false);
	}
	render_text_summary(&summary);
	fclose(stream);
	begin(junit, "system-out");
	check(junit, xmlTextWriterWriteString(junit->writer, BAD_CAST text));
	end(junit);
	free(text);
	begin(junit, "system-err");
	end(junit);
}

static void write_suite_attributes(struct junit *junit,
				   const unsigned int *outcomes)
{
	const struct session *session = junit->session;
	time_t started = (time_t)(session->started / 1000000000);
	char host[NAME_SIZE] = "";
	unsigned int tests = 0;
	char stamp[32] = "";
	char *printable;
	struct tm utc;

	for (int i = 0; i < OUTCOME_COUNT; i++)
		tests += outcomes[i];
	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		strcpy(host, "localhost");
	printable = say_printable(host);
	/* UTC, without saying so: the schema of Ant allows no time zone. */
	if (gmtime_r(&started, &utc))
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	number(junit, "id", 0);
	attribute(junit, "name", "tcpshadow");
	attribute(junit, "package", "tcpshadow");
	number(junit, "tests", tests);
	number(junit, "failures", outcomes[FAILED]);
	number(junit, "errors", outcomes[IN_ERROR]);
	number(junit, "skipped", outcomes[SKIPPED]);
	seconds(junit, session->started, session->ended);
	attribute(junit, "timestamp", stamp);
	attribute(junit, "hostname", printable);
	free(printable);
}

/* Each case in turn: the run's own if there is something to say of it. */
static void each_case(struct junit *junit,
		      void (*visit)(struct junit *, const struct test_case *,
				    unsigned int *outcomes),
		      unsigned int *outcomes)
{
	struct test_case of_run = judge(junit, NULL);

	if (of_run.outcome != PASSED)
		visit(junit, &of_run, outcomes);
	for (const struct process *process = junit->session->processes; process;
	     process = process->next) {
		struct test_case test_case;

		if (process->replaced)
			continue;
		test_case = judge(junit, process);
		visit(junit, &test_case, outcomes);
	}
}

static void count_case(struct junit *junit, const struct test_case *test_case,
		       unsigned int *outcomes)
{
	(void)junit;
	outcomes[test_case->outcome]++;
}

static void show_case(struct junit *junit, const struct test_case *test_case,
		      unsigned int *outcomes)
{
	(void)outcomes;
	write_case(junit, test_case);
}

bool render_junit(FILE *stream, struct session *session,
		  const struct arguments *arguments)
{
	xmlOutputBuffer *buffer = xmlOutputBufferCreateFile(stream, NULL);
	unsigned int outcomes[OUTCOME_COUNT] = { 0 };
	struct junit junit = { .session = session,
			       .arguments = arguments,
			       .writer = buffer ? xmlNewTextWriter(buffer)
						: NULL,
			       .directory = getcwd(NULL, 0),
			       .good = true };

	need_memory(junit.writer);
	each_case(&junit, count_case, outcomes);
	check(&junit, xmlTextWriterSetIndent(junit.writer, 1));
	check(&junit,
	      xmlTextWriterStartDocument(junit.writer, NULL, "UTF-8", NULL));
	begin(&junit, "testsuites");
	begin(&junit, "testsuite");
	write_suite_attributes(&junit, outcomes);
	write_properties(&junit);
	each_case(&junit, show_case, outcomes);
	write_output(&junit);
	end(&junit);
	end(&junit);
	check(&junit, xmlTextWriterEndDocument(junit.writer));
	xmlFreeTextWriter(junit.writer);
	free(junit.directory);
	return junit.good && fflush(stream) == 0;
}
