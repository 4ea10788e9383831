/* The small tables: states, calls, rules, options, errors, holders, events. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "model/call.h"
#include "model/errno_name.h"
#include "model/event.h"
#include "model/holder.h"
#include "model/option.h"
#include "model/rule.h"
#include "model/state.h"
#include "model/suppress.h"

Test(state, kernel_values_are_those_of_the_header)
{
	cr_expect_eq(state_from_kernel(TCP_ESTABLISHED), ST_ESTABLISHED);
	cr_expect_eq(state_from_kernel(TCP_SYN_SENT), ST_SYN_SENT);
	cr_expect_eq(state_from_kernel(TCP_SYN_RECV), ST_SYN_RCVD);
	cr_expect_eq(state_from_kernel(TCP_FIN_WAIT1), ST_FIN_WAIT_1);
	cr_expect_eq(state_from_kernel(TCP_FIN_WAIT2), ST_FIN_WAIT_2);
	cr_expect_eq(state_from_kernel(TCP_TIME_WAIT), ST_TIME_WAIT);
	cr_expect_eq(state_from_kernel(TCP_CLOSE), ST_CLOSED);
	cr_expect_eq(state_from_kernel(TCP_CLOSE_WAIT), ST_CLOSE_WAIT);
	cr_expect_eq(state_from_kernel(TCP_LAST_ACK), ST_LAST_ACK);
	cr_expect_eq(state_from_kernel(TCP_LISTEN), ST_LISTEN);
	cr_expect_eq(state_from_kernel(TCP_CLOSING), ST_CLOSING);
	cr_expect_eq(state_from_kernel(12), ST_SYN_RCVD);
	cr_expect_eq(state_from_kernel(13), ST_CLOSED);
	cr_expect_eq(state_from_kernel(0), ST_UNKNOWN);
	cr_expect_eq(state_from_kernel(99), ST_UNKNOWN);
}

Test(state, names_lead_back)
{
	cr_expect_eq(ST_COUNT, 12);
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		const char *name = state_name((enum tcp_state)i);

		cr_expect_eq(state_from_name(name), i);
		cr_expect_gt(strlen(state_meaning((enum tcp_state)i)), 10);
	}
	cr_expect_eq(state_from_name("nonsense"), ST_UNKNOWN);
}

Test(call, rows_have_kinds_and_flags)
{
	cr_expect_str_eq(call_name(CALL_accept4), "accept4");
	cr_expect_str_eq(call_name(CALL_NONE), "exit");
	cr_expect_eq(call_flags(CALL___read), CALL_ALIAS);
	cr_expect_eq(call_flags(CALL_close_range), CALL_OPTIONAL);
	for (int i = 1; i < CALL_COUNT; i++)
		cr_expect_neq(call_kind((enum call)i), KIND_NONE);
}

Test(rule, slugs_are_unique_and_of_one_form)
{
	for (int i = 0; i < RULE_COUNT; i++) {
		const char *slug = rule_slug((enum rule)i);

		cr_expect_eq(strspn(slug, "abcdefghijklmnopqrstuvwxyz-"),
			     strlen(slug));
		cr_expect_gt(strlen(rule_summary((enum rule)i)), 10);
		for (int j = 0; j < i; j++)
			cr_expect_str_neq(slug, rule_slug((enum rule)j));
	}
}

Test(option, defaults_are_among_their_own_values)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		cr_expect_geq(option_match((enum option_id)i, row->fallback), 0,
			      "%s", row->name);
		cr_expect_eq(strncmp(row->environment, "TCPSHADOW_", 10), 0);
	}
}

Test(option, values_are_checked)
{
	cr_expect_eq(option_match(OPTION_REUSEADDR, "off"), 0);
	cr_expect_eq(option_match(OPTION_REUSEADDR, "always"), 2);
	cr_expect_eq(option_match(OPTION_REUSEADDR, "alway"), -1);
	cr_expect_eq(option_match(OPTION_REUSEADDR, ""), -1);
	cr_expect_eq(option_match(OPTION_SILENCE, "0"), 0);
	cr_expect_eq(option_match(OPTION_SILENCE, "999999999"), 0);
	cr_expect_eq(option_match(OPTION_SILENCE, "1000000000"), -1);
	cr_expect_eq(option_match(OPTION_SILENCE, "-1"), -1);
	cr_expect_eq(option_match(OPTION_SILENCE, "1s"), -1);
	/* What a shell would show as another one, 256 as success. */
	cr_expect_eq(option_match(OPTION_ERROR_EXITCODE, "0"), 0);
	cr_expect_eq(option_match(OPTION_ERROR_EXITCODE, "255"), 0);
	cr_expect_eq(option_match(OPTION_ERROR_EXITCODE, "0255"), 0);
	cr_expect_eq(option_match(OPTION_ERROR_EXITCODE, "256"), -1);
	cr_expect_eq(option_match(OPTION_ERROR_EXITCODE, "-1"), -1);
	cr_expect_eq(option_match(OPTION_ERROR_EXITCODE, "0..255"), -1);
	cr_expect_eq(option_match(OPTION_ERROR_EXITCODE, ""), -1);
	cr_expect_eq(option_match(OPTION_ERROR_EXITCODE, "999999999999"), -1);
	cr_expect_eq(option_match(OPTION_DEPTH, "0"), -1);
	cr_expect_eq(option_match(OPTION_DEPTH, "1"), 0);
	cr_expect_eq(option_match(OPTION_DEPTH, "64"), 0);
	cr_expect_eq(option_match(OPTION_DEPTH, "65"), -1);
	cr_expect_eq(option_match(OPTION_LOG, "off"), 1);
	cr_expect_eq(option_match(OPTION_LOG, "/tmp/x"), 2);
	cr_expect_eq(option_match(OPTION_LOG, ""), -1);
}

Test(errno_name, names)
{
	cr_expect_str_eq(errno_name(EPIPE), "EPIPE");
	cr_expect_str_eq(errno_name(EADDRINUSE), "EADDRINUSE");
	cr_expect_null(errno_name(0));
	cr_expect_gt(strlen(errno_meaning(ECONNRESET)), 5);
}

Test(holder, every_class_has_a_remedy)
{
	cr_expect_str_eq(holder_name(HOLDER_TIME_WAIT), "time-wait");
	for (int i = 0; i < HOLDER_COUNT; i++)
		cr_expect_gt(strlen(holder_remedy((enum holder_class)i)), 20);
}

static const struct subject subject = {
	.pid = 7,
	.fd = 4,
	.role = ROLE_PASSIVE,
	.local = { .bytes = { 127, 0, 0, 1 }, .port = 80, .family = AF_INET },
	.peer = { .bytes = { 127, 0, 0, 2 }, .port = 99, .family = AF_INET },
};

static const char *line_of(enum evidence evidence, bool likely,
			   enum tcp_event event, enum call call, long result,
			   int error)
{
	static char buffer[512];
	struct transition transition = {
		.subject = subject,
		.edge = machine_edge(ST_ESTABLISHED,
				     event == EVENT_RCV_FIN ? ST_CLOSE_WAIT
							    : ST_CLOSED,
				     event),
		.evidence = evidence,
		.likely = likely,
		.call = call,
		.result = result,
		.error = error,
	};
	struct text text;

	text_begin(&text, buffer, sizeof(buffer));
	event_add_transition(&text, &transition);
	return buffer;
}

#define BEGIN "tcpshadow: 7 fd 4 127.0.0.1:80 <- 127.0.0.2:99 ESTABLISHED -> "

Test(event, transitions_by_their_evidence)
{
	cr_expect_str_eq(line_of(EVIDENCE_CALL, false, EVENT_RCV_FIN, CALL_read,
				 0, 0),
			 BEGIN "CLOSE_WAIT: read() = 0, the peer has closed\n");
	cr_expect_str_eq(line_of(EVIDENCE_CALL, false, EVENT_RCV_RST, CALL_read,
				 -1, ECONNRESET),
			 BEGIN "CLOSED: read() = -1 ECONNRESET, reset by the "
			       "peer\n");
	cr_expect_str_eq(line_of(EVIDENCE_KERNEL, true, EVENT_RCV_RST,
				 CALL_write, 1, 0),
			 BEGIN "CLOSED: reset by the peer, likely (kernel, "
			       "seen at write())\n");
	cr_expect_str_eq(line_of(EVIDENCE_KERNEL, false, EVENT_RCV_FIN,
				 CALL_NONE, 0, 0),
			 BEGIN "CLOSE_WAIT: the peer has closed (kernel, seen "
			       "at exit)\n");
	cr_expect_str_eq(line_of(EVIDENCE_INFERRED, false, EVENT_RCV_FIN,
				 CALL_read, 0, 0),
			 BEGIN "CLOSE_WAIT: the peer has closed (inferred)\n");
}

Test(event, finding_with_and_without_color)
{
	struct finding finding = { .subject = subject,
				   .rule = RULE_RESET_ON_CLOSE,
				   .message = "what",
				   .stack = "#0 x\n",
				   .details = "a\nb\n",
				   .help = "do" };
	char buffer[512];
	struct text text;

	text_begin(&text, buffer, sizeof(buffer));
	event_add_finding(&text, &finding);
	cr_expect_str_eq(buffer, "tcpshadow: 7 warning: what [reset-on-close]\n"
				 "    fd 4 127.0.0.1:80 <- 127.0.0.2:99\n"
				 "    #0 x\n    a\n    b\n    help: do\n");
	finding.color = true;
	text_begin(&text, buffer, sizeof(buffer));
	event_add_finding(&text, &finding);
	cr_expect(strstr(buffer, "\033[1;35mwarning:\033[0m what"));
}

Test(suppress, wildcards)
{
	cr_expect(suppress_glob("*", ""));
	cr_expect(suppress_glob("send_*_x", "send_a_b_x"));
	cr_expect(suppress_glob("?ain", "main"));
	cr_expect(!suppress_glob("main", "mains"));
	cr_expect(!suppress_glob("*a", "ab"));
	cr_expect(suppress_glob("a**b*", "aXbY"));
}

static const char *const functions[] = { "write_all", "send_line", "main" };

static bool name_frame(unsigned int i, struct frame_names *names, void *unused)
{
	(void)unused;
	*names = (struct frame_names){ .module = "prog" };
	if (i >= 3)
		return false;
	names->function = functions[i];
	return true;
}

static unsigned int mistakes;
static unsigned int mistake_lines[8];

static void count_mistake(unsigned int line, const char *what)
{
	cr_expect_gt(strlen(what), 3);
	if (mistakes < 8)
		mistake_lines[mistakes++] = line;
}

static bool matches(const char *frames)
{
	char text[512];

	snprintf(text, sizeof(text), "{\n name\n double-close\n%s}\n", frames);
	suppress_clear();
	mistakes = 0;
	suppress_parse(text, count_mistake);
	cr_expect_eq(mistakes, 0, "%s", frames);
	return suppress_matches(RULE_DOUBLE_CLOSE, name_frame, NULL);
}

Test(suppress, call_chains)
{
	cr_expect(matches(""));
	cr_expect(matches("fun:write_all\n"));
	cr_expect(matches("fun:write_*\nobj:prog\nfun:main\n"));
	cr_expect(matches("...\nfun:main\n"));
	cr_expect(matches("fun:write_all\n...\nfun:main\n"));
	cr_expect(!matches("fun:main\n"));
	cr_expect(!matches("...\nfun:other\n"));
	cr_expect(!matches("fun:write_all\nfun:send_line\nfun:main\nfun:x\n"));
	cr_expect(!suppress_matches(RULE_RESET_ON_CLOSE, name_frame, NULL));
}

Test(suppress, mistakes_are_told_by_line_and_the_rest_applies)
{
	char text[] = "# comment\n{\n a\n no-such-rule\n fun:x\n}\nstray\n"
		      "{\n b\n double-close\n bad:frame\n}\n"
		      "{\n c\n double-close\n fun:write_all\n}\n{\n d\n";

	mistakes = 0;
	suppress_clear();
	suppress_parse(text, count_mistake);
	cr_expect_eq(mistakes, 4);
	cr_expect_eq(mistake_lines[0], 4);
	cr_expect_eq(mistake_lines[1], 7);
	cr_expect_eq(mistake_lines[2], 11);
	cr_expect(suppress_matches(RULE_DOUBLE_CLOSE, name_frame, NULL));
}
