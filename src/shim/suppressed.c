#include "shim/suppressed.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "kernel/raw.h"
#include "model/suppress.h"
#include "shim/elf.h"
#include "shim/feed.h"
#include "shim/handover.h"
#include "shim/report.h"
#include "shim/settings.h"
#include "shim/stack.h"

enum { LINE_SIZE = 512 };

/* The frames of a stack, and room for the names of one of another program. */
struct naming {
	uint32_t stack;
	char told[LINE_SIZE / 2];
};

/* "module+0x123 (function)", in the words of the program before. */
static void name_told(const char *told, size_t length, struct naming *naming,
		      struct frame_names *names)
{
	struct text text;
	char *function = NULL;
	char *offset;

	text_begin(&text, naming->told, sizeof(naming->told));
	text_add_bytes(&text, told, length);
	if (text.length > 0 && naming->told[text.length - 1] == ')')
		function = strrchr(naming->told, '(');
	if (function) {
		naming->told[text.length - 1] = '\0';
		*function++ = '\0';
	}
	offset = strrchr(naming->told, '+');
	if (offset)
		*offset = '\0';
	*names = (struct frame_names){ .module = offset ? naming->told : NULL,
				       .function = function };
}

/* What the file of suppressions may say of a frame. */
static bool name_frame(unsigned int i, struct frame_names *names,
		       void *argument)
{
	struct naming *naming = argument;
	unsigned int count;
	const uintptr_t *frames = stack_frames(naming->stack, &count);
	const struct link_map *map;
	const char *call;
	const char *told;
	size_t length;

	if (i >= count)
		return false;
	told = handover_frame((const void *)frames[i], &length);
	if (told) {
		name_told(told, length, naming, names);
		return true;
	}
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

void suppressed_start(void)
{
	char *text;

	if (strcmp(settings.suppressions, "none") == 0 || getauxval(AT_SECURE))
		return;
	text = read_suppressions();
	if (text)
		suppress_parse(text, say_mistake);
}

bool suppressed_is(enum rule rule, uint32_t stack)
{
	struct naming naming = { .stack = stack };

	return suppress_matches(rule, name_frame, &naming);
}
