#include "shim/handover.h"

#include <fcntl.h>
#include <string.h>

#include "kernel/raw.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/stack.h"
#include "shim/table.h"

/* With more variables nothing is told: the array is on the caller's stack. */
enum { VARIABLES_MAX = 512, FRAMES_MAX = 8 };

static const char name[] = "TCPSHADOW_LISTENERS=";

/* COOKIE then `|FRAME` for each frame, then `;` */
static char told[HANDOVER_SIZE];

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool crosses(int fd, uint64_t ref)
{
	uint64_t word;
	long flags;

	if (!ref || !sock_load(ref, &word) || sock_state(word) != ST_LISTEN)
		return false;
	flags = raw_call3(SYS_fcntl, fd, F_GETFD, 0);
	return flags >= 0 && !(flags & FD_CLOEXEC);
}

static bool any_crosses(void)
{
	int highest = table_highest();

	for (int fd = 0; fd <= highest; fd++) {
		if (crosses(fd, table_find(fd)))
			return true;
	}
	return false;
}

size_t handover_room(char *const *environment)
{
	bool preloads = false;
	size_t count = 0;

	if (!environment || process_sandboxed() || table_highest() < 0)
		return 0;
	for (; environment[count]; count++)
		preloads |= begins(environment[count], "LD_PRELOAD=");
	if (!preloads || count > VARIABLES_MAX || !any_crosses())
		return 0;
	return count + 2;
}

/* The frames, or what the program before had told of them. */
static void add_birth(struct text *text, const struct sock *sock)
{
	unsigned int count;
	const uintptr_t *frames = stack_frames(sock->born, &count);

	for (unsigned int i = 0; i < count && i < FRAMES_MAX; i++) {
		text_add(text, "|");
		report_add_place(text, (const void *)frames[i]);
	}
	text_add(text, ";");
}

void handover_fill(char **filled, char space[static HANDOVER_SIZE],
		   char *const *environment)
{
	int highest = table_highest();
	struct text text;

	text_begin(&text, space, HANDOVER_SIZE);
	text_add(&text, name);
	for (int fd = 0; fd <= highest; fd++) {
		uint64_t ref = table_find(fd);

		if (!crosses(fd, ref))
			continue;
		text_add_hex(&text, sock_of(ref)->cookie);
		add_birth(&text, sock_of(ref));
	}
	*filled++ = space;
	for (; *environment; environment++) {
		if (!begins(*environment, name))
			*filled++ = *environment;
	}
	*filled = NULL;
}

void handover_read(char *const *environment)
{
	struct text text;

	for (; environment && *environment; environment++) {
		if (!begins(*environment, name))
			continue;
		text_begin(&text, told, sizeof(told));
		text_add_foreign(&text, *environment + strlen(name));
		return;
	}
}

bool handover_add(struct text *text, const char *indent, uint64_t cookie)
{
	unsigned int number = 0;
	struct text wanted;
	char space[32];
	const char *at;

	text_begin(&wanted, space, sizeof(space));
	text_add_hex(&wanted, cookie);
	text_add(&wanted, "|");
	for (at = told; *at && !begins(at, space); at++) {
		at = strchr(at, ';');
		if (!at)
			return false;
	}
	at = strchr(at, '|');
	while (at && *at == '|') {
		size_t length = strcspn(++at, "|;");

		text_add(text, indent);
		text_add(text, "#");
		text_add_number(text, number++);
		text_add(text, " ");
		text_add_bytes(text, at, length);
		text_add(text, "\n");
		at += length;
	}
	return number > 0;
}
