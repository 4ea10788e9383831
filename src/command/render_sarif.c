#include "command/render_sarif.h"

#include <jansson.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command/render_text.h"
#include "command/sarif_place.h"
#include "command/sarif_rules.h"
#include "command/say.h"
#include "command/signal_name.h"
#include "command/totals.h"

#define SCHEMA                                                        \
	"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/" \
	"schemas/sarif-schema-2.1.0.json"
#define FINGERPRINT "tcpshadow/v1"

/* A result, found again by what makes two findings one. */
struct result {
	char *key;
	json_t *json;
	json_int_t occurrences;
};

struct sarif {
	struct session *session;
	struct sarif_places places;
	json_t *results;
	json_t *notifications;
	void *by_key;
};

/* The line before a stack, without its colon. */
static char *caption(const struct found *found, unsigned int at)
{
	const char *text = at > 0 ? found->details[at - 1].text : NULL;
	char *copy;
	size_t length;

	if (!text)
		return need_memory(strdup("in connection with it"));
	text += strspn(text, " ");
	copy = need_memory(strdup(text));
	length = strlen(copy);
	if (length > 0 && copy[length - 1] == ':')
		copy[length - 1] = '\0';
	return copy;
}

/* A sentence that stands alone, then everything else that is known. */
static json_t *message_of(const struct sarif *sarif, const struct found *found)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = need_memory(open_memstream(&text, &size));
	json_t *message;

	fprintf(stream, "%s.", found->message);
	for (unsigned int i = 0; i < found->detail_count; i++) {
		const struct detail *detail = &found->details[i];
		char *stack = NULL;
		size_t stack_size = 0;
		FILE *lines;

		if (detail->text) {
			fprintf(stream, "\n%s", detail->text);
			continue;
		}
		lines = need_memory(open_memstream(&stack, &stack_size));
		render_text_stack(lines, sarif->session->symbols, detail->stack,
				  detail->indent, sarif->places.directory);
		fclose(lines);
		stack[stack_size > 0 ? stack_size - 1 : 0] = '\0';
		fprintf(stream, "\n%s", stack);
		free(stack);
	}
	if (found->help && found->help[0])
		fprintf(stream, "\nhelp: %s", found->help);
	fclose(stream);
	message = sarif_message(text);
	free(text);
	return message;
}

/* The stacks of the details, as stacks and as related locations. */
static void add_details(const struct sarif *sarif, const struct found *found,
			json_t *stacks, json_t *related)
{
	for (unsigned int i = 0; i < found->detail_count; i++) {
		const struct stack *stack = found->details[i].stack;
		json_t *location;
		char *text;

		if (found->details[i].text || !stack)
			continue;
		text = caption(found, i);
		location =
			sarif_location(&sarif->places, found->process, stack);
		if (location) {
			json_object_set_new(
				location, "id",
				json_integer(
					(json_int_t)json_array_size(related) +
					1));
			json_object_set_new(location, "message",
					    sarif_message(text));
			json_array_append_new(related, location);
		}
		json_array_append_new(stacks,
				      sarif_stack(&sarif->places, stack, text));
		free(text);
	}
}

/* An empty array says nothing that its absence does not. */
static void set_filled(json_t *object, const char *name, json_t *array)
{
	if (json_array_size(array) > 0)
		json_object_set(object, name, array);
	json_decref(array);
}

static json_t *make_result(const struct sarif *sarif, const struct found *found,
			   const char *fingerprint)
{
	json_t *locations = need_memory(json_array());
	json_t *related = need_memory(json_array());
	json_t *stacks = need_memory(json_array());
	json_t *result = json_pack(
		"{s:s, s:i, s:s, s:o, s:{s:s}, s:o}", "ruleId",
		rule_slug(found->rule), "ruleIndex",
		sarif_rule_index(found->rule), "level",
		severity_name(rule_severity(found->rule)), "message",
		message_of(sarif, found), "partialFingerprints", FINGERPRINT,
		fingerprint,
		/* On all results or on none, so that [] means "not". */
		"suppressions",
		found->suppressed ? json_pack("[{s:s}]", "kind", "external")
				  : json_array());
	json_t *location = sarif_location(&sarif->places, found->process,
					  sarif_stack_of(found));

	need_memory(result);
	if (location)
		json_array_append_new(locations, location);
	if (found->stack)
		json_array_append_new(stacks,
				      sarif_stack(&sarif->places, found->stack,
						  "where it comes from"));
	add_details(sarif, found, stacks, related);
	set_filled(result, "locations", locations);
	set_filled(result, "relatedLocations", related);
	set_filled(result, "stacks", stacks);
	return result;
}

static int compare_keys(const void *a, const void *b)
{
	const struct result *one = a;
	const struct result *two = b;

	return strcmp(one->key, two->key);
}

static void free_result(void *pointer)
{
	struct result *result = pointer;

	free(result->key);
	free(result);
}

/* Without a stack the words are all there is to tell two findings apart. */
static char *key_of(const struct found *found, const char *fingerprint)
{
	char *key = NULL;

	if (asprintf(&key, "%s\n%d\n%s", fingerprint, found->suppressed,
		     sarif_stack_of(found) ? "" : found->message) < 0)
		key = NULL;
	return need_memory(key);
}

static void add_result(struct sarif *sarif, const struct found *found)
{
	char *fingerprint = sarif_fingerprint(&sarif->places, found);
	struct result *result = need_memory(calloc(1, sizeof(*result)));
	struct result **known;

	result->key = key_of(found, fingerprint);
	known = need_memory(tsearch(result, &sarif->by_key, compare_keys));
	if (*known == result) {
		result->json = make_result(sarif, found, fingerprint);
		json_array_append_new(sarif->results, result->json);
	} else {
		free_result(result);
		result = *known;
	}
	free(fingerprint);
	result->occurrences += 1 + found->repeated;
	json_object_set_new(result->json, "occurrenceCount",
			    json_integer(result->occurrences));
}

static void notify(struct sarif *sarif, enum sarif_notification what,
		   const char *level, json_t *message, json_t *location)
{
	json_t *notification = json_pack("{s:o, s:s, s:o}", "descriptor",
					 sarif_descriptor(what), "level", level,
					 "message", message);

	need_memory(notification);
	if (location)
		json_object_set_new(notification, "locations",
				    json_pack("[o]", location));
	json_array_append_new(sarif->notifications, notification);
}

static void notify_blind_spot(struct sarif *sarif, const struct found *found)
{
	if (found->suppressed)
		return;
	notify(sarif, SARIF_BLIND_SPOT, "note", message_of(sarif, found),
	       sarif_location(&sarif->places, found->process, found->stack));
}

static void notify_lost(struct sarif *sarif, uint64_t count, const char *what)
{
	char text[128];

	if (count == 0)
		return;
	snprintf(text, sizeof(text),
		 "%llu events %s: this picture is "
		 "incomplete.",
		 (unsigned long long)count, what);
	notify(sarif, SARIF_LOST_EVENTS, "warning", sarif_message(text), NULL);
}

static void notify_untold(struct sarif *sarif)
{
	struct totals totals = totals_of(sarif->session);
	char text[128];

	for (int i = 0; i < RULE_COUNT; i++) {
		if (totals.untold[i] == 0)
			continue;
		snprintf(text, sizeof(text),
			 "%s was found %u more %s, at other places, which are "
			 "not told.",
			 rule_slug((enum rule)i), totals.untold[i],
			 totals.untold[i] == 1 ? "time" : "times");
		notify(sarif, SARIF_UNTOLD, "note", sarif_message(text), NULL);
	}
}

static json_t *time_utc(uint64_t time)
{
	time_t seconds = (time_t)(time / 1000000000);
	char text[32] = "";
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	return json_sprintf("%s.%03uZ", text,
			    (unsigned int)(time / 1000000 % 1000));
}

static json_t *folder_uri(const char *path)
{
	char *uri = sarif_file_uri(path, true);
	json_t *location = json_pack("{s:s}", "uri", uri);

	free(uri);
	return location;
}

static json_t *invocation(const struct sarif *sarif)
{
	const struct session *session = sarif->session;
	int status = session->status;
	bool exited = WIFEXITED(status) && !session->cut;
	json_t *invocation =
		json_pack("{s:b, s:s, s:o, s:o, s:O}", "executionSuccessful",
			  exited && WEXITSTATUS(status) == 0, "commandLine",
			  session->command_line, "startTimeUtc",
			  time_utc(session->started), "endTimeUtc",
			  time_utc(session->ended),
			  "toolExecutionNotifications", sarif->notifications);

	need_memory(invocation);
	if (exited)
		json_object_set_new(invocation, "exitCode",
				    json_integer(WEXITSTATUS(status)));
	if (WIFSIGNALED(status)) {
		json_object_set_new(invocation, "exitSignalNumber",
				    json_integer(WTERMSIG(status)));
		json_object_set_new(
			invocation, "exitSignalName",
			json_string(signal_name(WTERMSIG(status)).text));
	}
	if (sarif->places.directory)
		json_object_set_new(invocation, "workingDirectory",
				    folder_uri(sarif->places.directory));
	return invocation;
}

static json_t *make_log(const struct sarif *sarif)
{
	json_t *run = json_pack("{s:o, s:[o], s:O}", "tool", sarif_tool(),
				"invocations", invocation(sarif), "results",
				sarif->results);

	need_memory(run);
	if (sarif->places.directory)
		json_object_set_new(
			run, "originalUriBaseIds",
			json_pack("{s:o}", SARIF_ROOT,
				  folder_uri(sarif->places.directory)));
	return json_pack("{s:s, s:s, s:[o]}", "$schema", SCHEMA, "version",
			 "2.1.0", "runs", run);
}

bool render_sarif(FILE *stream, struct session *session,
		  const struct arguments *arguments)
{
	char *directory = getcwd(NULL, 0);
	struct sarif sarif = { .session = session,
			       .places = { .symbols = session->symbols,
					   .directory = directory },
			       .results = need_memory(json_array()),
			       .notifications = need_memory(json_array()) };
	json_t *log;
	bool good;

	(void)arguments;
	for (const struct found *found = session->found; found;
	     found = found->next) {
		if (found->rule == RULE_BLIND_SPOT)
			notify_blind_spot(&sarif, found);
		else
			add_result(&sarif, found);
	}
	notify_lost(&sarif, session->lost, "were lost");
	notify_lost(&sarif, session->holes, "were begun and never finished");
	notify_untold(&sarif);
	log = need_memory(make_log(&sarif));
	good = json_dumpf(log, stream, JSON_INDENT(2)) == 0 &&
	       fputc('\n', stream) != EOF && fflush(stream) == 0;
	json_decref(log);
	json_decref(sarif.results);
	json_decref(sarif.notifications);
	tdestroy(sarif.by_key, free_result);
	free(directory);
	return good;
}
