#include "command/details.h"

#include <stdlib.h>
#include <string.h>

#include "command/say.h"
#include "command/story.h"
#include "ring/layout.h"

static struct detail read_line(struct session *session,
			       const struct process *process, const char *line)
{
	struct detail detail = { .text = NULL };
	char *indent;

	if (line[0] != RING_STACK_MARK) {
		detail.text = session_told(session, line);
		return detail;
	}
	detail.stack = session_stack(process,
				     (uint32_t)strtoul(line + 1, &indent, 10));
	detail.indent = session_text(session, *indent == ' ' ? indent + 1 : "");
	return detail;
}

unsigned int details_read(struct session *session,
			  const struct process *process,
			  const struct stack *shown, const char *text,
			  struct detail *details, unsigned int room)
{
	char *lines = need_memory(strdup(text));
	char *at = lines;
	unsigned int count = 0;
	char *line;

	while ((line = strsep(&at, "\n")) != NULL) {
		if (line[0] == RING_SOCKET_MARK)
			count += story_add(session,
					   strtoull(line + 1, NULL, 10), shown,
					   details + count, room - count);
		else if (*line && count < room)
			details[count++] = read_line(session, process, line);
	}
	free(lines);
	return count;
}
