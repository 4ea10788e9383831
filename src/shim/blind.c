#include "shim/blind.h"

#include "shim/process.h"
#include "shim/report.h"
#include "shim/sink.h"

static _Atomic unsigned int counts[BLIND_COUNT];
static _Atomic bool mptcp_said, io_uring_said, closes_unseen;

void blind_count(enum blind what)
{
	atomic_fetch_add(&counts[what], 1);
	if (what == BLIND_CLOSED_UNSEEN)
		atomic_store(&closes_unseen, true);
}

bool blind_to_closes(void)
{
	return atomic_load_explicit(&closes_unseen, memory_order_relaxed) ||
	       atomic_load_explicit(&io_uring_said, memory_order_relaxed);
}

static void say(const char *message)
{
	struct subject subject = report_process();

	report_plain(RULE_BLIND_SPOT, &subject, NULL, message, "");
}

void blind_mptcp(void)
{
	if (!atomic_exchange(&mptcp_said, true))
		say("an MPTCP socket is not followed: its connections are "
		    "sockets that no descriptor leads to");
}

void blind_sandbox(void)
{
	say("the program installs a seccomp filter: from here on nothing is "
	    "asked of the kernel and nothing is printed");
}

void blind_sandbox_refused(void)
{
	say("the seccomp filter was refused: all goes on as before");
}

void blind_io_uring(void)
{
	if (!atomic_exchange(&io_uring_said, true))
		say("the program uses io_uring: what it does there is learned "
		    "late, or not at all");
}

void blind_lost_track(int fd, uint64_t ref, enum tcp_state from,
		      enum tcp_state to, const struct sight *sight)
{
	struct subject subject = report_subject(sock_of(ref), fd);
	struct report report;
	struct text *text;

	if (!report_begin(&report, RULE_LOST_TRACK, &subject, sight->place))
		return;
	text = &report.scratch->message;
	text_add(text, "the kernel shows ");
	text_add(text, state_name(to));
	text_add(text, " where tcpshadow expected ");
	text_add(text, state_name(from));
	text_add(text, ", seen at ");
	text_add(text, call_name(sight->call));
	text_add(text, "(): going on from there");
	text_add(&report.scratch->help,
		 "this is a fault of tcpshadow, not of the program");
	report_end(&report);
}

void blind_forget(void)
{
	for (int i = 0; i < BLIND_COUNT; i++)
		atomic_store(&counts[i], 0);
}

static void say_count(unsigned int count, const char *what)
{
	char message[256];
	struct text text;

	if (count == 0)
		return;
	text_begin(&text, message, sizeof(message));
	text_add_number(&text, count);
	text_add(&text, what);
	say(message);
}

void blind_summary(void)
{
	say_count(atomic_exchange(&counts[BLIND_NO_MEMORY], 0),
		  " times there was no memory to follow a socket");
	say_count(atomic_exchange(&counts[BLIND_CLOSED_UNSEEN], 0),
		  " times a descriptor was closed or replaced by a call that "
		  "is not wrapped");
	say_count(atomic_exchange(&counts[BLIND_NOT_SETTLED], 0),
		  " sockets that were open at the end were not looked at");
	say_count(atomic_exchange(&counts[BLIND_FORGOTTEN], 0),
		  " closed sockets were not followed to their end: the newest "
		  "1024 are");
	say_count(atomic_exchange(&counts[BLIND_BUSY], 0),
		  " times there was no room to explain a finding");
	say_count(atomic_exchange(&counts[BLIND_HOLDER], 0),
		  " times who holds a socket after its close was not found: "
		  "the machine has too many descriptors to look at all");
	say_count(sink_take_lost(), " texts of this log could not be written");
}
