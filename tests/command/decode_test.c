/* Records of the ring, made by hand: what no program can be made to send. */
#include "command/decode.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PARENT = 100, CHILD = 200 };

static struct session *session;
static struct decoder decoder;
static uint32_t processes;

static void begin(void)
{
	session = session_new();
	decoder_begin(&decoder, session);
	processes = 0;
}

static void end(void)
{
	decoder_end(&decoder);
	session_free(session);
}

TestSuite(decode, .init = begin, .fini = end);

static void send(enum ring_kind kind, const void *fixed, size_t size,
		 const char *text)
{
	static struct ring_record record;

	record.kind = kind;
	record.size = size + strlen(text) + 1;
	memcpy(record.bytes, fixed, size);
	memcpy(record.bytes + size, text, strlen(text) + 1);
	decode(&decoder, &record);
}

static void send_start(int pid, int parent_pid)
{
	struct ring_start start = {
		.head = { .time = 1, .process = ++processes, .pid = pid },
		.parent_pid = parent_pid
	};

	send(RING_START, &start, sizeof(start), "/bin/program");
}

static void send_exec(int pid, int child)
{
	struct ring_exec exec = {
		.head = { .time = 1, .process = 1, .pid = pid }, .child = child
	};

	send(RING_EXEC, &exec, sizeof(exec), "/bin/program");
}

Test(decode, a_program_that_was_executed_and_is_silent_is_remembered)
{
	send_start(PARENT, 1);
	send_exec(PARENT, CHILD);
	cr_assert(decoder.execs);
	cr_expect_eq(decoder.execs->pid, CHILD);
	send_start(CHILD, PARENT);
	cr_expect(!decoder.execs);
	cr_expect_eq(decoder.bad, 0);
}

/* posix_spawn returns, and tells, after the child has begun to run. */
Test(decode, a_spawned_child_may_speak_before_its_parent)
{
	send_start(PARENT, 1);
	send_start(CHILD, PARENT);
	send_exec(PARENT, CHILD);
	cr_expect(!decoder.execs);
}

/* What the child executes meanwhile is another matter, and still awaited. */
Test(decode, a_spawned_child_may_become_another_before_its_parent_speaks)
{
	send_start(PARENT, 1);
	send_start(CHILD, PARENT);
	send_exec(CHILD, CHILD);
	send_exec(PARENT, CHILD);
	cr_expect(decoder.execs);
	send_start(CHILD, PARENT);
	cr_expect(!decoder.execs);
}

/* The number of one that was followed, and then of one that is not. */
Test(decode, a_pid_that_comes_again_is_another_program)
{
	send_start(PARENT, 1);
	send_exec(PARENT, CHILD);
	send_start(CHILD, PARENT);
	send_exec(PARENT, CHILD);
	cr_expect(decoder.execs);
}

Test(decode, a_process_that_executes_itself_is_not_its_own_child)
{
	send_start(PARENT, 1);
	send_exec(PARENT, PARENT);
	cr_expect(decoder.execs);
}

/* What a socket of the run is asked for by a cookie that there is none of. */
Test(decode, a_socket_that_the_run_does_not_know_has_no_story)
{
	static const char texts[] = "message\0first\n\x02"
				    "12345\n\x02x\n"
				    "\x02\nlast\n\0help";
	struct ring_finding finding = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.fd = -1,
		.rule = RULE_ADDRESS_IN_USE
	};
	static struct ring_record record;

	send_start(PARENT, 1);
	record.kind = RING_FINDING;
	record.size = sizeof(finding) + sizeof(texts);
	memcpy(record.bytes, &finding, sizeof(finding));
	memcpy(record.bytes + sizeof(finding), texts, sizeof(texts));
	decode(&decoder, &record);
	cr_assert(session->found);
	cr_expect_eq(session->found->detail_count, 2);
	cr_expect_str_eq(session->found->details[1].text, "last");
	cr_expect_str_eq(session->found->help, "help");
}

static void send_name(uint64_t cookie, const char *name)
{
	struct ring_name record = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.cookie = cookie,
		.fd = 3
	};

	send(RING_NAME, &record, sizeof(record), name);
}

/* By its first step. */
static struct tcp_socket *make_socket(uint64_t cookie)
{
	struct ring_walk record = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.walk = { .cookie = cookie, .fd = 3, .length = 1 }
	};

	send(RING_WALK, &record, sizeof(record), "");
	return session_socket(session, cookie);
}

/* --- steps --------------------------------------------------------------------
 */

static struct ring_walk walk_from(enum tcp_state from, enum tcp_state to,
				  enum tcp_event event)
{
	struct ring_walk record = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.walk = { .cookie = 9, .fd = 3, .call = CALL_close }
	};

	record.walk.length = (uint8_t)machine_path(from, ST_UNKNOWN, to, event,
						   record.walk.rows);
	return record;
}

static void send_walk(const struct ring_walk *record)
{
	send(RING_WALK, record, sizeof(*record), "");
}

Test(decode, of_the_steps_of_one_look_the_last_is_what_was_seen)
{
	struct ring_walk record =
		walk_from(ST_LISTEN, ST_CLOSE_WAIT, EVENT_NONE);
	const struct tcp_socket *socket;

	send_start(PARENT, 1);
	record.walk.evidence = EVIDENCE_KERNEL;
	record.walk.likely = true;
	record.walk.unread = 5;
	send_walk(&record);
	socket = session_socket(session, 9);
	cr_assert(socket);
	cr_assert_eq(socket->step_count, 3);
	for (unsigned int i = 0; i < 3; i++) {
		const struct step *step = &socket->steps[i];
		bool last = i == 2;

		cr_expect_eq(step->evidence,
			     last ? EVIDENCE_KERNEL : EVIDENCE_INFERRED);
		cr_expect_eq(step->likely, last);
		/* Only a reset throws away what was not read. */
		cr_expect_eq(step->unread, 0);
	}
	cr_expect_eq(socket->state, ST_CLOSE_WAIT);
	record = walk_from(ST_CLOSE_WAIT, ST_CLOSED, EVENT_ABORT);
	record.walk.unread = 5;
	send_walk(&record);
	cr_expect_eq(socket->steps[3].unread, 5);
	cr_expect_eq(decoder.bad, 0);
}

Test(decode, a_walk_tells_of_the_close_that_made_it)
{
	struct ring_walk record =
		walk_from(ST_LISTEN, ST_ESTABLISHED, EVENT_RCV_ACK);
	const struct tcp_socket *socket;

	send_start(PARENT, 1);
	send_walk(&record);
	socket = session_socket(session, 9);
	cr_assert(socket);
	cr_expect_null(socket->closer);
	record = walk_from(ST_ESTABLISHED, ST_FIN_WAIT_1, EVENT_CLOSE);
	record.walk.closes = true;
	send_walk(&record);
	cr_assert(socket->closer);
	cr_expect_eq(socket->closer->pid, PARENT);
}

Test(decode, steps_that_do_not_follow_one_another_are_no_walk)
{
	struct ring_walk record =
		walk_from(ST_LISTEN, ST_ESTABLISHED, EVENT_RCV_ACK);
	struct ring_walk bad = record;
	size_t count;

	machine_edges(&count);
	send_start(PARENT, 1);
	bad.walk.rows[1] = bad.walk.rows[0];
	send_walk(&bad);
	bad = record;
	bad.walk.rows[1] = (uint8_t)count;
	send_walk(&bad);
	bad = record;
	bad.walk.length = 0;
	send_walk(&bad);
	bad = record;
	bad.walk.length = MACHINE_WALK_MAX + 1;
	send_walk(&bad);
	bad = record;
	bad.walk.call = CALL_COUNT;
	send_walk(&bad);
	cr_expect_eq(decoder.bad, 5);
	cr_expect_null(session_socket(session, 9));
	send_walk(&record);
	cr_expect_eq(decoder.bad, 5);
	cr_expect(session_socket(session, 9));
}

/* --- names --------------------------------------------------------------------
 */

/* As most are: right after socket(). */
Test(decode, a_socket_may_be_named_before_it_does_anything)
{
	struct tcp_socket *socket;

	send_start(PARENT, 1);
	send_name(9, "first");
	send_name(9, "control");
	send_name(10, "other");
	send_name(10, "");
	socket = make_socket(9);
	cr_assert(socket && socket->name);
	cr_expect_str_eq(socket->name, "control");
	cr_expect_str_eq(session_subject(socket).name, "control");
	cr_expect_null(make_socket(10)->name);
	send_name(9, "");
	cr_expect_null(socket->name);
	cr_expect_eq(decoder.bad, 0);
}

Test(decode, names_and_labels_of_a_hostile_program_are_printable_and_cut)
{
	char label[4000];
	struct ring_mark mark = { .head = { .process = 1, .pid = PARENT } };
	struct subject subject;
	char line[1024];
	struct text text;

	send_start(PARENT, 1);
	memset(label, '\033', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	send_name(9, label);
	subject = session_subject(make_socket(9));
	cr_expect_eq(strlen(subject.name), SUBJECT_NAME_SIZE - 1);
	cr_expect_null(strchr(subject.name, '\033'));
	send(RING_MARK, &mark, sizeof(mark), label);
	cr_expect_eq(decoder.bad, 0);
	text_begin(&text, line, sizeof(line));
	event_add_mark(&text, 1, 0, label);
	cr_expect_eq(line[text.length - 1], '\n');
}

/* Once by the library; who writes past it is no better off. */
Test(decode, foreign_names_in_a_finding_are_made_printable_once)
{
	static const char texts[] = "a \\x1b\\x5c\0pid 1 (\\x1b)\n\x02"
				    "9\n\0help \033\\";
	struct ring_finding finding = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.fd = -1,
		.rule = RULE_ADDRESS_IN_USE
	};
	struct ring_start start = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.parent_pid = 1
	};
	static struct ring_record record;

	send(RING_START, &start, sizeof(start), "/bin/\033");
	make_socket(9);
	record.kind = RING_FINDING;
	record.size = sizeof(finding) + sizeof(texts);
	memcpy(record.bytes, &finding, sizeof(finding));
	memcpy(record.bytes + sizeof(finding), texts, sizeof(texts));
	decode(&decoder, &record);
	cr_assert(session->found);
	cr_expect_str_eq(session->found->message, "a \\x1b\\x5c");
	cr_expect_str_eq(session->found->details[0].text, "pid 1 (\\x1b)");
	cr_assert_eq(session->found->detail_count, 2);
	cr_expect_str_eq(session->found->details[1].text,
			 "  made by pid 100 (\\x1b)");
	cr_expect_str_eq(session->found->help, "help \\x1b\\x5c");
}

/* --- findings ----------------------------------------------------------------
 */

static void send_finding_about(uint32_t stack, bool suppressed, uint32_t about)
{
	struct ring_finding finding = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.fd = -1,
		.stack = stack,
		.rule = RULE_DOUBLE_CLOSE,
		.suppressed = suppressed,
		.about = about
	};

	send(RING_FINDING, &finding, sizeof(finding), "message");
}

static void send_finding(uint32_t stack, bool suppressed)
{
	send_finding_about(stack, suppressed, 0);
}

static void send_again_about(uint32_t stack, uint32_t count, bool untold,
			     uint32_t about)
{
	struct ring_again again = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.stack = stack,
		.rule = RULE_DOUBLE_CLOSE,
		.untold = untold,
		.count = count,
		.about = about
	};

	send(RING_AGAIN, &again, sizeof(again), "");
}

static void send_again(uint32_t stack, uint32_t count, bool untold)
{
	send_again_about(stack, count, untold, 0);
}

static void send_stack(uint32_t id)
{
	struct ring_stack stack = {
		.head = { .time = 1, .process = 1, .pid = PARENT }, .id = id
	};

	send(RING_STACK, &stack, sizeof(stack), "");
}

Test(decode, what_comes_again_is_added_to_its_finding)
{
	send_start(PARENT, 1);
	send_stack(7);
	send_stack(8);
	send_finding(7, false);
	send_finding(8, false);
	send_again(8, 5, false);
	cr_expect_eq(session->found->repeated, 0);
	cr_expect_eq(session->found->next->repeated, 5);
	cr_expect_eq(decoder.bad, 0);
}

Test(decode, what_comes_again_is_added_to_the_finding_of_its_address)
{
	send_start(PARENT, 1);
	send_stack(7);
	send_finding_about(7, false, 21);
	send_finding_about(7, false, 22);
	send_again_about(7, 5, false, 22);
	cr_expect_eq(session->found->repeated, 0);
	cr_expect_eq(session->found->next->repeated, 5);
	send_again_about(7, 5, false, 23);
	cr_expect_eq(decoder.bad, 1);
}

Test(decode, what_comes_again_without_a_finding_is_bad)
{
	send_start(PARENT, 1);
	send_stack(7);
	send_again(7, 5, false);
	cr_expect_eq(decoder.bad, 1);
	send_finding(7, false);
	send_again(0, 5, false);
	cr_expect_eq(decoder.bad, 2);
	cr_expect_eq(session->found->repeated, 0);
}

Test(decode, what_a_process_does_not_tell_is_counted)
{
	send_start(PARENT, 1);
	send_again(0, 84, true);
	cr_expect_eq(decoder.bad, 0);
	cr_expect_eq(session->processes->untold[RULE_DOUBLE_CLOSE], 84);
}

Test(decode, what_the_library_suppresses_is_counted)
{
	send_start(PARENT, 1);
	send_finding(0, true);
	send_again(0, 5, false);
	cr_assert(session->found);
	cr_expect(session->found->suppressed);
	cr_expect_eq(session->found->repeated, 5);
	cr_expect_eq(session->suppressed, 1);
	cr_expect_eq(session->counts[SEVERITY_ERROR], 0);
	cr_expect_eq(decoder.bad, 0);
}

Test(decode, the_birth_of_a_socket_that_the_run_does_not_know_is_no_stack)
{
	struct ring_birth birth = {
		.head = { .time = 1, .process = 1, .pid = PARENT },
		.cookie = 12345,
		.id = 7
	};

	send(RING_BIRTH, &birth, sizeof(birth), "");
	cr_expect_eq(decoder.bad, 1);
	send_start(PARENT, 1);
	send(RING_BIRTH, &birth, sizeof(birth), "");
	cr_expect_eq(decoder.bad, 1);
	cr_expect_null(session_stack(session->processes, 7));
}

/* Of a process that nobody has heard of. */
Test(decode, names_and_marks_of_nobody_are_bad)
{
	struct ring_mark mark = { .head = { .process = 1, .pid = PARENT } };

	send_name(9, "control");
	send(RING_MARK, &mark, sizeof(mark), "label");
	cr_expect_eq(decoder.bad, 2);
}
