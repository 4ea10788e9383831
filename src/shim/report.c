#include "shim/report.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "shim/again.h"
#include "shim/elf.h"
#include "shim/feed.h"
#include "shim/handover.h"
#include "shim/names.h"
#include "shim/process.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/sink.h"
#include "shim/stack.h"
#include "shim/suppressed.h"
#include "shim/tally.h"

enum { LINE_SIZE = 512, FINDINGS_PER_RULE = 100 };

static _Atomic uint32_t said[RULE_COUNT];

struct subject report_process(void)
{
	return (struct subject){ .pid = process_id(), .fd = -1 };
}

struct subject report_subject(const struct sock *sock, int fd)
{
	struct subject subject = { .pid = process_id(),
				   .fd = fd,
				   .role = (enum role)sock->role,
				   .local = sock->local,
				   .peer = sock->peer,
				   .cookie = sock->cookie };

	names_get(sock->cookie, subject.name);
	return subject;
}

static void write_step(const struct walk *walk, unsigned int number)
{
	struct transition transition = event_step(walk, number);
	char line[LINE_SIZE];
	struct text text;

	transition.subject.pid = process_id();
	names_get(walk->cookie, transition.subject.name);
	text_begin(&text, line, sizeof(line));
	event_add_transition(&text, &transition);
	sink_write(line, text.length);
}

void report_walk(const struct walk *walk)
{
	if (feed_attached()) {
		feed_walk(walk);
		return;
	}
	for (unsigned int i = 0; settings.transitions && i < walk->length; i++)
		write_step(walk, i);
}

void report_message(const struct text *message)
{
	/* With room for what stands before and after. */
	char line[LINE_SIZE + 64];
	struct text text;

	if (feed_attached()) {
		feed_message(message->buffer);
		return;
	}
	text_begin(&text, line, sizeof(line));
	text_add(&text, "tcpshadow: ");
	text_add_number(&text, process_id());
	text_add(&text, " ");
	text_add_bytes(&text, message->buffer, message->length);
	text_add(&text, "\n");
	sink_write(line, text.length);
}

/* How much of a label is shown. */
static void cut_label(char copy[static MARK_LABEL_SIZE], const char *label)
{
	size_t length = strnlen(label, MARK_LABEL_SIZE - 1);

	memcpy(copy, label, length);
	copy[length] = '\0';
}

void report_mark(const char *label)
{
	char line[LINE_SIZE + 4 * MARK_LABEL_SIZE];
	char copy[MARK_LABEL_SIZE];
	char printable[4 * MARK_LABEL_SIZE];
	struct timespec now;
	struct text text;

	cut_label(copy, label);
	if (feed_attached()) {
		feed_mark(copy);
		return;
	}
	if (process_sandboxed())
		return;
	real_clock_gettime(CLOCK_REALTIME, &now);
	text_begin(&text, printable, sizeof(printable));
	text_add_foreign(&text, copy);
	text_begin(&text, line, sizeof(line));
	event_add_mark(&text, process_id(),
		       (uint64_t)now.tv_sec * 1000000000 +
			       (uint64_t)now.tv_nsec,
		       printable);
	sink_write(line, text.length);
}

/* It is not told, for one reason or another. */
static bool come_again(const struct report *report)
{
	if (again_add(report->again, report->rule))
		tally_add(report->rule);
	return false;
}

/* Silenced, and told nevertheless where somebody counts it: in the ring. */
static bool begin_suppressed(struct report *report, bool is_full)
{
	report->scratch = feed_attached() && !is_full ? scratch_take() : NULL;
	again_settle(report->again,
		     report->scratch ? AGAIN_SUPPRESSED : AGAIN_MUTED);
	return report->scratch != NULL;
}

/*
 * Addresses that will not be told must not fill the table. To ask what is
 * suppressed takes a millisecond, and is left to what has not come before.
 */
static bool is_of_no_use(enum rule rule, uint32_t stack,
			 const struct address *address)
{
	return !again_has(rule, stack, address) &&
	       (atomic_load(&said[rule]) >= FINDINGS_PER_RULE ||
		suppressed_is(rule, stack));
}

/*
 * counted: what comes again with this rule and stack, and this address unless
 * it is NULL, is not told again.
 */
static bool begin(struct report *report, enum rule rule,
		  const struct subject *subject, uint32_t stack,
		  const struct address *address, bool counted)
{
	bool first = true;
	bool is_full;
	uint32_t count;

	report->rule = rule;
	report->subject = *subject;
	report->stack = stack;
	report->last = false;
	report->scratch = NULL;
	if (address && is_of_no_use(rule, stack, address))
		address = NULL;
	report->again = counted ? again_find(rule, stack, address, &first)
				: NULL;
	is_full = counted && !report->again;
	if (!first && !is_full)
		return come_again(report);
	report->suppressed = suppressed_is(rule, stack);
	if (report->suppressed)
		return begin_suppressed(report, is_full);
	if (is_full)
		return come_again(report);
	count = atomic_fetch_add(&said[rule], 1);
	report->last = count == FINDINGS_PER_RULE - 1;
	if (count < FINDINGS_PER_RULE)
		report->scratch = scratch_take();
	if (report->scratch)
		return true;
	again_settle(report->again, AGAIN_UNTOLD);
	return come_again(report);
}

/* What cannot be told must not count as told. */
static bool can_tell(void)
{
	return process_started() && !process_sandboxed();
}

static uint32_t full_stack(const void *place)
{
	int saved = errno;
	uint32_t stack = stack_full(place);

	errno = saved;
	return stack;
}

bool report_begin(struct report *report, enum rule rule,
		  const struct subject *subject, const void *place)
{
	return report_begin_about(report, rule, subject, place, NULL);
}

bool report_begin_about(struct report *report, enum rule rule,
			const struct subject *subject, const void *place,
			const struct address *address)
{
	return can_tell() && begin(report, rule, subject, full_stack(place),
				   address, place != NULL);
}

bool report_begin_at(struct report *report, enum rule rule,
		     const struct subject *subject, uint32_t stack)
{
	return can_tell() && begin(report, rule, subject, stack, NULL, true);
}

bool report_has(enum rule rule, const void *place)
{
	return again_has(rule, full_stack(place), NULL);
}

static bool colored(void)
{
	if (settings.color == 1)
		return true;
	return settings.color == 0 && !settings.no_color && sink_is_terminal();
}

void report_end(struct report *report)
{
	struct scratch *scratch = report->scratch;
	struct finding finding = { .subject = report->subject,
				   .rule = report->rule,
				   .message = scratch->message_space,
				   .stack = scratch->stack_space,
				   .details = scratch->details_space,
				   .help = scratch->help_space,
				   .color = colored() };
	struct text stack;
	struct text output;

	if (!report->suppressed)
		tally_add(report->rule);
	if (feed_attached()) {
		feed_finding(&(struct feed_finding){
			.subject = &report->subject,
			.rule = report->rule,
			.stack = report->stack,
			.last = report->last,
			.suppressed = report->suppressed,
			.about = again_about(report->again),
			.message = scratch->message_space,
			.details = scratch->details_space,
			.help = scratch->help_space,
		});
		scratch_give(scratch);
		return;
	}
	text_begin(&stack, scratch->stack_space, sizeof(scratch->stack_space));
	stack_add(&stack, "", report->stack);
	text_begin(&output, scratch->output_space,
		   sizeof(scratch->output_space));
	event_add_finding(&output, &finding);
	if (report->last)
		text_add(&output, "    (further findings of this rule at other "
				  "places are not shown)\n");
	sink_write(scratch->output_space, output.length);
	scratch_give(scratch);
}

void report_plain(enum rule rule, const struct subject *subject,
		  const void *place, const char *message, const char *help)
{
	struct report report;

	if (!report_begin(&report, rule, subject, place))
		return;
	text_add(&report.scratch->message, message);
	text_add(&report.scratch->help, help);
	report_end(&report);
}

static void add_again_place(struct text *text, enum again_fate fate,
			    uint32_t stack)
{
	char place[LINE_SIZE / 2];
	struct text cut;
	unsigned int count;
	const uintptr_t *frames = stack_frames(stack, &count);

	if (fate == AGAIN_UNTOLD) {
		text_add(text, " at other places");
		return;
	}
	if (count == 0)
		return;
	/* A function's name may have any length, above all in C++. */
	text_begin(&cut, place, sizeof(place));
	report_add_place(&cut, (const void *)frames[0]);
	text_add(text, " at ");
	text_add(text, place);
}

static void say_again(enum again_fate fate, enum rule rule, uint32_t stack,
		      uint32_t about, uint32_t count)
{
	char line[LINE_SIZE];
	struct text text;

	if (feed_attached()) {
		feed_again(rule, stack, about, count, fate == AGAIN_UNTOLD);
		return;
	}
	if (fate == AGAIN_SUPPRESSED)
		return;
	text_begin(&text, line, sizeof(line));
	text_add(&text, "tcpshadow: ");
	text_add_number(&text, process_id());
	text_add(&text, " again: ");
	text_add_number(&text, count);
	text_add(&text, count == 1 ? " more time" : " more times");
	add_again_place(&text, fate, stack);
	text_add(&text, " [");
	text_add(&text, rule_slug(rule));
	text_add(&text, "]\n");
	sink_write(line, text.length);
}

void report_repetitions(void)
{
	again_tell(say_again);
}

void report_forget_repetitions(void)
{
	again_forget();
}

void report_add_unasked(struct text *text, int error)
{
	text_add(text, " is not known: the kernel could not be asked (");
	event_add_error(text, error);
	text_add(text, ")\n");
}

void report_add_place(struct text *text, const void *place)
{
	/* The return address may already belong to the next line. */
	const char *call = (const char *)place - 1;
	const struct link_map *map = place ? elf_module(call) : NULL;
	const char *function;
	size_t length;
	const char *told = handover_frame(place, &length);

	if (told) {
		text_add_bytes(text, told, length);
		return;
	}
	if (!map) {
		text_add_hex(text, (uintptr_t)place);
		return;
	}
	text_add_foreign(text, elf_module_name(map));
	text_add(text, "+");
	text_add_hex(text, (uintptr_t)call - map->l_addr);
	function = elf_function(map, call);
	if (function) {
		text_add(text, " (");
		text_add_foreign(text, function);
		text_add(text, ")");
	}
}
