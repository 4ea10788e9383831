/* Rules about listeners and descriptors running out. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kernel/raw.h"
#include "kernel/socket.h"
#include "shim/process.h"
#include "shim/report.h"
#include "shim/rules.h"
#include "shim/stack.h"

/*
 * The accept queue by TCP_INFO: of a listener tcpi_unacked are the connections
 * that wait, tcpi_sacked is the backlog (tcp_get_info).
 */
static bool read_queue(int fd, uint32_t *waiting, uint32_t *backlog)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t length = sizeof(info);

	if (raw_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
	    state_from_kernel(info.tcpi_state) != ST_LISTEN)
		return false;
	*waiting = info.tcpi_unacked;
	*backlog = info.tcpi_sacked;
	return true;
}

static void check_reuseaddr(int fd, uint64_t ref, uint64_t word,
			    const struct sight *sight)
{
	struct subject subject = report_subject(sock_of(ref), fd);

	if (!(word & SOCK_BOUND_PORT) ||
	    kernel_socket_option(fd, SOL_SOCKET, SO_REUSEADDR) > 0 ||
	    kernel_socket_option(fd, SOL_SOCKET, SO_REUSEPORT) > 0)
		return;
	report_plain(RULE_NO_REUSEADDR, &subject, sight->place,
		     "listens on a fixed port without SO_REUSEADDR: after a "
		     "restart bind() may fail for 60 s",
		     "setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ...) before "
		     "bind()");
}

static void check_backlog(int fd, uint64_t ref, int asked,
			  const struct sight *sight)
{
	/* -1, INT_MAX and the like mean: as many as there may be. */
	enum { WHATEVER = 65535 };
	struct subject subject = report_subject(sock_of(ref), fd);
	struct report report;
	uint32_t waiting;
	uint32_t backlog;

	if (asked < 0 || asked >= WHATEVER ||
	    !read_queue(fd, &waiting, &backlog) || backlog >= (uint32_t)asked ||
	    !report_begin(&report, RULE_BACKLOG_CLAMPED, &subject,
			  sight->place))
		return;
	text_add(&report.scratch->message, "listen() asked for a backlog of ");
	text_add_number(&report.scratch->message, asked);
	text_add(&report.scratch->message, " and got ");
	text_add_number(&report.scratch->message, backlog);
	text_add(&report.scratch->help,
		 "raise net.core.somaxconn, or ask for less");
	report_end(&report);
}

void rule_listening(int fd, uint64_t ref, int backlog,
		    const struct sight *sight)
{
	uint64_t word;

	if (process_sandboxed() || !sock_load(ref, &word))
		return;
	check_reuseaddr(fd, ref, word, sight);
	check_backlog(fd, ref, backlog, sight);
}

void rule_reuseaddr_set(int fd, uint64_t ref, const struct sight *sight)
{
	struct subject subject = report_subject(sock_of(ref), fd);
	uint64_t word;

	/* On an accepted socket it is a means, not a mistake. */
	if (!sock_load(ref, &word) || !(word & SOCK_BOUND) ||
	    sock_of(ref)->bound_reuse || sock_of(ref)->role != ROLE_NONE)
		return;
	report_plain(RULE_REUSEADDR_TOO_LATE, &subject, sight->place,
		     "SO_REUSEADDR is set after bind(), which did not see it",
		     "set it between socket() and bind()");
}

/* The texts of a finding that has been begun, and its end. */
static void say_overflow(struct report *report, uint32_t waiting,
			 uint32_t backlog)
{
	text_add(&report->scratch->message, "the accept queue is full: ");
	text_add_number(&report->scratch->message, waiting);
	text_add(&report->scratch->message,
		 waiting == 1 ? " connection waits" : " connections wait");
	text_add(&report->scratch->message, " with a backlog of ");
	text_add_number(&report->scratch->message, backlog);
	text_add(&report->scratch->message,
		 ", further ones are dropped and try again after 1 s");
	text_add(&report->scratch->help,
		 "accept faster (in a loop until EAGAIN), or ask for a longer "
		 "backlog in listen() and in net.core.somaxconn");
	report_end(report);
}

/* At most ten times a second: one look costs 0.7 us. */
void rule_accepted(int fd, uint64_t listener, const struct sight *sight)
{
	enum { PAUSE = 100 };
	struct sock *sock = sock_of(listener);
	uint32_t now = clock_now();
	uint32_t last = atomic_load(&sock->last_write);
	struct subject subject;
	struct report report;
	uint32_t waiting;
	uint32_t backlog;

	if (process_sandboxed() || (last != 0 && now - last < PAUSE))
		return;
	sock_set(sock, last_write, now);
	/* One has just been taken out. The queue holds backlog + 1. */
	if (!read_queue(fd, &waiting, &backlog) || waiting + 1 <= backlog)
		return;
	subject = report_subject(sock, fd);
	if (report_begin(&report, RULE_ACCEPT_OVERFLOW, &subject, sight->place))
		say_overflow(&report, waiting + 1, backlog);
}

/* A program that does not accept at all is seen here only. */
void rule_queue_at_exit(int fd, uint64_t listener)
{
	const struct sock *sock = sock_of(listener);
	struct subject subject = report_subject(sock, fd);
	struct report report;
	uint32_t waiting;
	uint32_t backlog;

	if (read_queue(fd, &waiting, &backlog) && waiting > backlog &&
	    report_begin_at(&report, RULE_ACCEPT_OVERFLOW, &subject,
			    sock->born))
		say_overflow(&report, waiting, backlog);
}

struct birth_count {
	uint32_t stack;
	unsigned int count;
};

enum { BIRTHS_MAX = 16, BIRTHS_SHOWN = 3 };

/* Counts a birth; places past the first BIRTHS_MAX are not told apart. */
static void count_birth(struct birth_count *births, uint32_t stack)
{
	for (int i = 0; i < BIRTHS_MAX; i++) {
		if (births[i].count > 0 && births[i].stack != stack)
			continue;
		births[i].stack = stack;
		births[i].count++;
		return;
	}
}

static void add_births(struct text *text)
{
	struct birth_count births[BIRTHS_MAX] = { { .count = 0 } };
	int highest = table_highest();

	for (int fd = 0; fd <= highest; fd++) {
		uint64_t ref = table_find(fd);

		if (ref)
			count_birth(births, sock_of(ref)->born);
	}
	for (int shown = 0; shown < BIRTHS_SHOWN; shown++) {
		struct birth_count *most = &births[0];

		for (int i = 1; i < BIRTHS_MAX; i++) {
			if (births[i].count > most->count)
				most = &births[i];
		}
		if (most->count == 0)
			return;
		text_add_number(text, most->count);
		text_add(text, most->stack ? " TCP sockets are open that were "
					     "made by:\n"
					   : " TCP sockets are open\n");
		stack_add(text, "  ", most->stack);
		most->count = 0;
	}
}

void rule_no_descriptor(const struct sight *sight)
{
	struct subject subject = report_process();
	struct report report;

	if (!report_begin(&report, RULE_DESCRIPTORS_EXHAUSTED, &subject,
			  sight->place))
		return;
	event_add_result(&report.scratch->message, sight->call, sight->result,
			 sight->error);
	text_add(&report.scratch->message,
		 sight->error == EMFILE ? ": the process has no descriptor left"
					: ": the system has no open file left");
	add_births(&report.scratch->details);
	text_add(&report.scratch->help,
		 "close what is no longer needed; if all are needed, raise the "
		 "limit (ulimit -n)");
	report_end(&report);
}
