#include "shim/handover.h"

#include <fcntl.h>
#include <string.h>

#include "kernel/raw.h"
#include "model/text.h"
#include "shim/feed.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/stack.h"
#include "shim/table.h"

/* With more variables nothing is told: the array is on the caller's stack. */
enum { VARIABLES_MAX = 512, FRAMES_MAX = 8, BIRTHS_MAX = 16 };

static const char name[] = "TCPSHADOW_LISTENERS=";
static const char preload[] = "LD_PRELOAD=";

/*
 * For each birth FRAME, `|FRAME` for each further one, `=COOKIE` of a listener,
 * `,COOKIE` of each further one, `;`
 */
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

/* Of a pointer to nowhere the kernel is to say EFAULT. */
static bool can_load(char *const *pointer, uintptr_t *known)
{
	const char *bytes = (const char *)pointer;

	return raw_can_read_on(bytes, known) &&
	       raw_can_read_on(bytes + sizeof(*pointer) - 1, known);
}

/* As far as begins() reads. */
static bool can_compare(const char *text, const char *prefix, uintptr_t *known)
{
	for (; raw_can_read_on(text, known); text++, prefix++) {
		if (*text != *prefix || !*prefix)
			return true;
	}
	return false;
}

size_t handover_room(char *const *environment)
{
	uintptr_t array = UINTPTR_MAX;
	uintptr_t texts = UINTPTR_MAX;
	bool preloads = false;
	size_t count = 0;

	if (!environment || process_sandboxed() || !any_crosses())
		return 0;
	for (; can_load(&environment[count], &array); count++) {
		const char *text = environment[count];

		if (!text)
			return preloads ? count + 2 : 0;
		if (count == VARIABLES_MAX ||
		    !can_compare(text, name, &texts) ||
		    !can_compare(text, preload, &texts))
			return 0;
		preloads |= begins(text, preload);
	}
	return 0;
}

static size_t room(const struct text *text)
{
	return text->size - text->length;
}

static void add_cookies(struct text *text, uint32_t born)
{
	enum { COOKIE_ROOM = sizeof(",0x0123456789abcdef;") };
	int highest = table_highest();
	const char *mark = "=";

	for (int fd = 0; fd <= highest && room(text) > COOKIE_ROOM; fd++) {
		uint64_t ref = table_find(fd);

		if (!ref || sock_of(ref)->born != born || !crosses(fd, ref))
			continue;
		text_add(text, mark);
		text_add_hex(text, sock_of(ref)->cookie);
		mark = ",";
	}
	text_add(text, ";");
}

/* What would be cut is left out: it would be read as something else. */
static void add_birth(struct text *text, uint32_t born)
{
	enum { COOKIES_ROOM = 64 };
	size_t before = text->length;
	unsigned int count;
	const uintptr_t *frames = stack_frames(born, &count);

	for (unsigned int i = 0; i < count && i < FRAMES_MAX; i++) {
		text_add(text, i == 0 ? "" : "|");
		report_add_place(text, (const void *)frames[i]);
	}
	if (room(text) > COOKIES_ROOM) {
		add_cookies(text, born);
		return;
	}
	text->length = before;
	text->buffer[before] = '\0';
}

static bool is_among(uint32_t born, const uint32_t *births, int count)
{
	while (count > 0 && births[count - 1] != born)
		count--;
	return count > 0;
}

static bool names_cookie(const char *cookies, const char *cookie, size_t length)
{
	while (*cookies == '=' || *cookies == ',') {
		cookies++;
		if (strncmp(cookies, cookie, length) == 0 &&
		    (cookies[length] == ',' || cookies[length] == ';'))
			return true;
		cookies += strcspn(cookies, ",;");
	}
	return false;
}

/* The frames of a listener's birth; NULL: nothing was told of it. */
static const char *find_told(uint64_t cookie)
{
	struct text wanted;
	char space[32];
	const char *at = told;

	text_begin(&wanted, space, sizeof(space));
	text_add_hex(&wanted, cookie);
	while (*at) {
		if (names_cookie(at + strcspn(at, "=;"), space, wanted.length))
			return at;
		at += strcspn(at, ";");
		at += *at == ';';
	}
	return NULL;
}

/* What the program before has told of a listener that it has handed on. */
static void add_told(struct text *text, uint64_t cookie)
{
	enum { COOKIE_ROOM = sizeof("=0x0123456789abcdef;") };
	const char *at = find_told(cookie);
	size_t length = at ? strcspn(at, "=") : 0;

	if (length == 0 || room(text) <= length + COOKIE_ROOM)
		return;
	text_add_bytes(text, at, length);
	text_add(text, "=");
	text_add_hex(text, cookie);
	text_add(text, ";");
}

void handover_fill(char **filled, char space[static HANDOVER_SIZE],
		   char *const *environment)
{
	int highest = table_highest();
	uint32_t births[BIRTHS_MAX];
	struct text text;
	int count = 0;

	text_begin(&text, space, HANDOVER_SIZE);
	text_add(&text, name);
	for (int fd = 0; fd <= highest && count < BIRTHS_MAX; fd++) {
		uint64_t ref = table_find(fd);
		uint32_t born = crosses(fd, ref) ? sock_of(ref)->born : 0;

		if (born == 0 && crosses(fd, ref))
			add_told(&text, sock_of(ref)->cookie);
		if (born == 0 || is_among(born, births, count))
			continue;
		births[count++] = born;
		add_birth(&text, born);
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

static unsigned int read_frames(const char *at,
				uintptr_t frames[static FRAMES_MAX])
{
	unsigned int count = 0;

	while (*at != '=' && count < FRAMES_MAX) {
		frames[count++] = (uintptr_t)at;
		at += strcspn(at, "|=");
		if (*at++ != '|')
			break;
	}
	return count;
}

uint32_t handover_birth(uint64_t cookie)
{
	uintptr_t frames[FRAMES_MAX];
	const char *words = find_told(cookie);
	unsigned int count = words ? read_frames(words, frames) : 0;
	uint32_t birth;

	if (count == 0 && feed_attached())
		frames[count++] = cookie;
	if (count == 0)
		return 0;
	birth = stack_told(frames, count);
	if (birth)
		feed_birth(birth, cookie);
	return birth;
}

const char *handover_frame(const void *frame, size_t *length)
{
	const char *text = frame;

	if (text < told || text >= told + sizeof(told))
		return NULL;
	*length = strcspn(text, "|=");
	return text;
}
