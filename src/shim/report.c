#include "shim/report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

#include "kernel/raw.h"
#include "model/suppress.h"
#include "shim/elf.h"
#include "shim/feed.h"
#include "shim/names.h"
#include "shim/process.h"
#include "shim/real.h"
#include "shim/settings.h"
#include "shim/sink.h"
#include "shim/stack.h"
#include "shim/tally.h"

/* The count of what is not to be said at all. */
#define MUTED UINT32_MAX

/* ... and of what was begun, and cancelled. */
#define UNSAID (UINT32_MAX - 1)

enum { LINE_SIZE = 512, PLACE_MAX = 1024, FINDINGS_PER_RULE = 100 };

/* Findings said so far, by rule and stack; open addressing, never shrinks. */
static struct {
	_Atomic uint64_t key; /* stack, and the rule above it; 0: free */
	_Atomic uint32_t repeated;
} places[PLACE_MAX];
static _Atomic bool repeats; /* one of them was found again */
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

void report_transition(const struct transition *transition)
{
	char line[LINE_SIZE];
	struct text text;

	if (feed_attached()) {
		feed_transition(transition);
		return;
	}
	if (!settings.transitions)
		return;
	text_begin(&text, line, sizeof(line));
	event_add_transition(&text, transition);
	sink_write(line, text.length);
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

/* The counter for rule and stack; NULL when the table is full. *first: new. */
static _Atomic uint32_t *find_place(enum rule rule, uint64_t stack, bool *first)
{
	uint64_t key = stack | (uint64_t)(rule + 1) << 48;
	uint64_t at = key * 0x9e3779b97f4a7c15;

	for (unsigned int i = 0; i < PLACE_MAX; i++) {
		size_t slot = ((at >> 40) + i) % PLACE_MAX;
		uint64_t found = 0;

		*first = atomic_compare_exchange_strong(&places[slot].key,
							&found, key);
		if (*first || found == key)
			return &places[slot].repeated;
	}
	*first = false;
	return NULL;
}

/* What the file of suppressions may say of a frame. */
static bool name_frame(unsigned int i, struct frame_names *names,
		       void *argument)
{
	unsigned int count;
	const uintptr_t *frames = stack_frames(*(uint32_t *)argument, &count);
	const struct link_map *map;
	const char *call;

	if (i >= count)
		return false;
	call = (const char *)frames[i] - 1;
	map = elf_module(call);
	*names = (struct frame_names){ .module = NULL };
	if (map) {
		names->module = elf_module_name(map);
		names->function = elf_function(map, call);
	}
	return true;
}

static void say_mistake(unsigned int number, const char *what)
{
	char name[LINE_SIZE / 2];
	char line[LINE_SIZE];
	struct text text;

	/* The command has read it too, and told it for all processes. */
	if (number > 0 && feed_attached())
		return;
	/* A name of any length leaves room for what is wrong. */
	text_begin(&text, name, sizeof(name));
	text_add_foreign(&text, settings.suppressions);
	text_begin(&text, line, sizeof(line));
	text_add(&text, "bad suppressions: ");
	text_add(&text, name);
	if (number > 0) {
		text_add(&text, ":");
		text_add_number(&text, number);
	}
	text_add(&text, ": ");
	text_add(&text, what);
	report_message(&text);
}

/* What was read of the file, in memory of its own and closed by NUL. */
static void check_suppressions(const char *text, long used, long size, long got)
{
	if (got < 0)
		say_mistake(0, "cannot be read");
	if (used > size)
		say_mistake(0, "longer than 1 MiB, the rest is not read");
	if (memchr(text, 0, (size_t)used))
		say_mistake(0, "holds a NUL, what follows it is not read");
}

/* NULL with a message. A pipe must not keep the program from starting. */
static char *read_suppressions(void)
{
	enum { SIZE_MAX_ = 1 << 20 };
	long fd = raw_call6(SYS_openat, AT_FDCWD, (long)settings.suppressions,
			    O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
	long memory;
	long used = 0;
	long got = 0;

	if (fd < 0) {
		say_mistake(0, "cannot be opened");
		return NULL;
	}
	memory = raw_call6(SYS_mmap, 0, SIZE_MAX_ + 2, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory < 0 && memory > -4096) {
		raw_close((int)fd);
		return NULL;
	}
	/* One byte more shows that there is more. */
	while (used <= SIZE_MAX_ &&
	       (got = raw_call3(SYS_read, fd, memory + used,
				SIZE_MAX_ + 1 - used)) > 0)
		used += got;
	raw_close((int)fd);
	check_suppressions((const char *)memory, used, SIZE_MAX_, got);
	((char *)memory)[SIZE_MAX_] = '\0';
	return (char *)memory;
}

void report_start(void)
{
	char *text;

	if (strcmp(settings.suppressions, "none") == 0 || getauxval(AT_SECURE))
		return;
	text = read_suppressions();
	if (text)
		suppress_parse(text, say_mistake);
}

/* Said before, or one of too many places. */
static void come_again(const struct report *report)
{
	if (report->repeated && atomic_load(report->repeated) == MUTED)
		return;
	if (report->repeated) {
		atomic_fetch_add(report->repeated, 1);
		atomic_store(&repeats, true);
	}
	tally_add(report->rule);
}

/* Of several threads one says it. */
static bool is_unsaid(const struct report *report)
{
	uint32_t count = UNSAID;

	return report->repeated &&
	       atomic_compare_exchange_strong(report->repeated, &count, 0);
}

bool report_begin(struct report *report, enum rule rule,
		  const struct subject *subject, const void *place)
{
	int saved = errno;
	uint32_t count;
	bool first = true;

	if (process_sandboxed())
		return false;
	report->rule = rule;
	report->subject = *subject;
	report->stack = stack_full(place);
	errno = saved;
	report->repeated = place ? find_place(rule, report->stack, &first)
				 : NULL;
	if (!first && !is_unsaid(report)) {
		come_again(report);
		return false;
	}
	if (suppress_matches(rule, name_frame, &report->stack)) {
		if (report->repeated)
			atomic_store(report->repeated, MUTED);
		return false;
	}
	count = atomic_fetch_add(&said[rule], 1);
	report->last = count == FINDINGS_PER_RULE - 1;
	report->scratch = count < FINDINGS_PER_RULE ? scratch_take() : NULL;
	/* Found, though it is not told: counted as what comes again is. */
	if (!report->scratch)
		come_again(report);
	return report->scratch != NULL;
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

	tally_add(report->rule);
	if (feed_attached()) {
		feed_finding(&(struct feed_finding){
			.subject = &report->subject,
			.rule = report->rule,
			.stack = report->stack,
			.last = report->last,
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

void report_cancel(struct report *report)
{
	if (report->repeated)
		atomic_store(report->repeated, UNSAID);
	atomic_fetch_sub(&said[report->rule], 1);
	scratch_give(report->scratch);
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

static void say_again(uint64_t key, uint32_t count)
{
	enum rule rule = (enum rule)((key >> 48) - 1);
	unsigned int frame_count;
	const uintptr_t *frames = stack_frames((uint32_t)key, &frame_count);
	char place[LINE_SIZE / 2];
	char line[LINE_SIZE];
	struct text text;

	if (feed_attached()) {
		feed_again(rule, (uint32_t)key, count);
		return;
	}
	/* A function's name may have any length, above all in C++. */
	text_begin(&text, place, sizeof(place));
	if (frame_count > 0)
		report_add_place(&text, (const void *)frames[0]);
	text_begin(&text, line, sizeof(line));
	text_add(&text, "tcpshadow: ");
	text_add_number(&text, process_id());
	text_add(&text, " again: ");
	text_add_number(&text, count);
	text_add(&text, count == 1 ? " more time" : " more times");
	if (frame_count > 0) {
		text_add(&text, " at ");
		text_add(&text, place);
	}
	text_add(&text, " [");
	text_add(&text, rule_slug(rule));
	text_add(&text, "]\n");
	sink_write(line, text.length);
}

void report_repetitions(void)
{
	if (!atomic_load(&repeats))
		return;
	for (int i = 0; i < PLACE_MAX; i++) {
		uint32_t count = atomic_load(&places[i].repeated);

		if (count == 0 || count >= UNSAID)
			continue;
		if (atomic_compare_exchange_strong(&places[i].repeated, &count,
						   0))
			say_again(atomic_load(&places[i].key), count);
	}
}

void report_forget_repetitions(void)
{
	if (!atomic_load(&repeats))
		return;
	for (int i = 0; i < PLACE_MAX; i++) {
		if (atomic_load(&places[i].repeated) < UNSAID)
			atomic_store(&places[i].repeated, 0);
	}
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
