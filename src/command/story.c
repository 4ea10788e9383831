#include "command/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/say.h"

struct story {
	struct session *session;
	const struct stack *shown;
	struct detail *details;
	unsigned int count;
	unsigned int room;
};

static void tell(struct story *story, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void tell(struct story *story, const char *format, ...)
{
	char *text = NULL;
	va_list list;

	if (story->count == story->room)
		return;
	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	story->details[story->count++] = (struct detail){
		.text = session_told(story->session, need_memory(text))
	};
	free(text);
}

/* Two processes have it, each under a number of its own. */
static bool is_shown(const struct story *story, const struct stack *stack)
{
	const struct stack *shown = story->shown;

	return shown && stack && shown->count == stack->count &&
	       memcmp(shown->places, stack->places,
		      stack->count * sizeof(struct place *)) == 0;
}

/* "  made by pid 12 (first_test):", and the stack. */
static void tell_deed(struct story *story, const char *deed,
		      const struct process *process, struct stack *stack)
{
	if (is_shown(story, stack))
		stack = NULL;
	tell(story, "  %s pid %d (%s)%s", deed, process->pid, process->command,
	     stack ? ":" : "");
	if (!stack || story->count == story->room)
		return;
	story->details[story->count++] = (struct detail){
		.stack = stack,
		.indent = "    ",
	};
}

unsigned int story_add(struct session *session, uint64_t cookie,
		       const struct stack *shown, struct detail *details,
		       unsigned int room)
{
	const struct tcp_socket *socket = session_socket(session, cookie);
	struct story story = { .session = session,
			       .shown = shown,
			       .details = details,
			       .room = room };

	if (!socket || socket->step_count == 0)
		return 0;
	tell_deed(&story,
		  socket->role == ROLE_PASSIVE ? "accepted by" : "made by",
		  socket->steps[0].process, socket->born);
	if (socket->closer)
		tell_deed(&story, "closed by", socket->closer,
			  socket->closed_by);
	else if (socket->owner->finished || socket->owner->gone)
		tell(&story, "  not closed before pid %d (%s) ended",
		     socket->owner->pid,
		     process_last_image(socket->owner)->command);
	return story.count;
}
