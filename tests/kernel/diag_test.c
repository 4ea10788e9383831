/* What the kernel says, on connections that the test makes itself. */
#include "kernel/diag.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/holders.h"
#include "kernel/owners.h"
#include "kernel/socket.h"
#include "support/wait.h"

struct ends {
	int listener;
	int client;
	int server;
	struct address local; /* the client's */
	struct address peer;
};

static struct ends make_ends(int family)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in four = {
		.sin_family = AF_INET,
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
	struct sockaddr *address = family == AF_INET ? (void *)&four
						     : (void *)&six;
	socklen_t length = family == AF_INET ? sizeof(four) : sizeof(six);
	struct ends ends = { .listener = socket(family, SOCK_STREAM, 0) };

	cr_assert_eq(bind(ends.listener, address, length), 0);
	cr_assert_eq(listen(ends.listener, 4), 0);
	cr_assert_eq(getsockname(ends.listener, address, &length), 0);
	ends.client = socket(family, SOCK_STREAM, 0);
	cr_assert_eq(connect(ends.client, address, length), 0);
	ends.server = accept(ends.listener, NULL, NULL);
	cr_assert_geq(ends.server, 0);
	kernel_socket_local(ends.client, &ends.local);
	kernel_socket_peer(ends.client, &ends.peer);
	return ends;
}

static void close_client_first(struct ends *ends)
{
	char byte;

	cr_assert_eq(close(ends->client), 0);
	cr_assert_eq(read(ends->server, &byte, 1), 0);
	cr_assert_eq(close(ends->server), 0);
}

static int open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static bool in_time_wait(void *argument)
{
	const struct ends *ends = argument;
	struct diag_row row;

	return diag_find(&ends->local, &ends->peer, &row) == 1 &&
	       row.state == ST_TIME_WAIT;
}

static void follow_to_time_wait(int family)
{
	struct ends ends = make_ends(family);
	uint64_t cookie = kernel_socket_cookie(ends.client);
	int before = open_descriptors();
	struct diag_row row;

	errno = 77;
	cr_assert_eq(diag_find(&ends.local, &ends.peer, &row), 1);
	cr_expect_eq(errno, 77);
	cr_expect_eq(row.state, ST_ESTABLISHED);
	cr_expect_eq(row.cookie, cookie);
	cr_expect_neq(row.inode, 0);
	cr_expect_eq(open_descriptors(), before);
	close_client_first(&ends);
	cr_assert(wait_for(in_time_wait, &ends, 5000));
	cr_assert_eq(diag_find(&ends.local, &ends.peer, &row), 1);
	cr_expect_eq(row.cookie, cookie);
	cr_expect_eq(row.inode, 0);
	cr_expect(row.timed);
	cr_expect_leq(row.expires, 60000);
	cr_expect_gt(row.expires, 50000);
}

Test(diag, ipv4_connection_until_time_wait)
{
	follow_to_time_wait(AF_INET);
}

Test(diag, ipv6_connection_until_time_wait)
{
	follow_to_time_wait(AF_INET6);
}

Test(diag, tells_what_has_flowed)
{
	struct ends ends = make_ends(AF_INET);
	struct pollfd readable = { .fd = ends.server, .events = POLLIN };
	struct diag_activity activity;
	struct diag_row row;
	int fd = diag_open();
	char byte;

	cr_assert_eq(write(ends.client, "x", 1), 1);
	cr_assert_eq(poll(&readable, 1, 5000), 1);
	cr_assert_eq(diag_activity_with(fd, &ends.local, &ends.peer, &row,
					&activity),
		     1);
	cr_expect(activity.known && activity.sent && !activity.received);
	cr_expect_lt(activity.since_sent, 60000);
	cr_assert_eq(diag_activity_with(fd, &ends.peer, &ends.local, &row,
					&activity),
		     1);
	cr_expect_eq(row.state, ST_ESTABLISHED);
	cr_expect(activity.known && !activity.sent && activity.received);
	cr_assert_eq(read(ends.server, &byte, 1), 1);
	close_client_first(&ends);
	cr_assert(wait_for(in_time_wait, &ends, 5000));
	cr_assert_eq(diag_activity_with(fd, &ends.local, &ends.peer, &row,
					&activity),
		     1);
	cr_expect(!activity.known);
	close(fd);
}

Test(diag, connection_that_does_not_exist)
{
	struct ends ends = make_ends(AF_INET);
	struct diag_row row;

	ends.peer.port = 1;
	cr_expect_eq(diag_find(&ends.local, &ends.peer, &row), 0);
	memset(&ends.local, 0, sizeof(ends.local));
	cr_expect_eq(diag_find(&ends.local, &ends.peer, &row), 0);
}

struct seen {
	int states[ST_COUNT];
};

static bool count_state(const struct diag_row *row, void *argument)
{
	((struct seen *)argument)->states[row->state]++;
	return true;
}

static bool server_in_time_wait(void *argument)
{
	struct ends *ends = argument;
	struct diag_row row;

	return diag_find(&ends->peer, &ends->local, &row) == 1 &&
	       row.state == ST_TIME_WAIT;
}

static char reply[DIAG_REPLY_SIZE] __attribute__((aligned(16)));

Test(diag, one_pass_lists_all_that_is_on_a_port)
{
	struct ends ends = make_ends(AF_INET);
	struct sockaddr_in other = {
		.sin_family = AF_INET,
		.sin_port = htons(ends.peer.port),
		.sin_addr = { .s_addr = htonl(0x7f000009) },
	};
	int bound = socket(AF_INET, SOCK_STREAM, 0);
	struct seen seen = { { 0 } };
	char byte;

	cr_assert_eq(bind(bound, (struct sockaddr *)&other, sizeof(other)), 0);
	cr_assert_eq(close(ends.server), 0);
	cr_assert_eq(read(ends.client, &byte, 1), 0);
	cr_assert_eq(close(ends.client), 0);
	cr_assert(wait_for(server_in_time_wait, &ends, 5000));
	cr_expect_eq(diag_port(ends.peer.port, DIAG_ALL, count_state, &seen,
			       reply),
		     3);
	cr_expect_eq(seen.states[ST_LISTEN], 1);
	cr_expect_eq(seen.states[ST_CLOSED], 1);
	cr_expect_eq(seen.states[ST_TIME_WAIT], 1);
	memset(&seen, 0, sizeof(seen));
	cr_expect_eq(diag_port(ends.peer.port, DIAG_LISTENING, count_state,
			       &seen, reply),
		     1);
	cr_expect_eq(seen.states[ST_LISTEN], 1);
}

Test(socket, kinds)
{
	int file = open("/dev/null", 0);

	cr_expect_eq(kernel_socket_kind(socket(AF_INET, SOCK_STREAM, 0)),
		     KERNEL_TCP);
	cr_expect_eq(kernel_socket_kind(socket(AF_INET6, SOCK_STREAM, 0)),
		     KERNEL_TCP);
	cr_expect_eq(kernel_socket_kind(socket(AF_INET, SOCK_DGRAM, 0)),
		     KERNEL_OTHER);
	cr_expect_eq(kernel_socket_kind(socket(AF_UNIX, SOCK_STREAM, 0)),
		     KERNEL_OTHER);
	cr_expect_eq(kernel_socket_kind(file), KERNEL_OTHER);
	cr_expect_eq(kernel_socket_kind(-1), KERNEL_CLOSED);
	cr_expect_eq(kernel_socket_kind(open("/", O_PATH)), KERNEL_OTHER);
}

Test(socket, state_names_and_unread_bytes)
{
	struct ends ends = make_ends(AF_INET);
	struct pollfd readable = { .fd = ends.server, .events = POLLIN };

	cr_expect_eq(kernel_socket_state(ends.listener, NULL), ST_LISTEN);
	cr_expect_eq(kernel_socket_state(ends.client, NULL), ST_ESTABLISHED);
	cr_expect_eq(kernel_socket_state(-1, NULL), ST_UNKNOWN);
	cr_assert_eq(write(ends.client, "12345", 5), 5);
	cr_assert_eq(poll(&readable, 1, 5000), 1);
	cr_expect_eq(kernel_socket_unread(ends.server), 5);
	cr_expect_eq(ends.peer.family, AF_INET);
	cr_expect_eq(ends.peer.bytes[0], 127);
}

Test(socket, counters_are_the_programs_bytes_but_for_the_fin)
{
	struct ends ends = make_ends(AF_INET);
	struct kernel_counters counters = { .known = false };
	struct pollfd readable = { .fd = ends.server, .events = POLLRDHUP };

	cr_expect_eq(kernel_socket_info(-1, NULL, &counters), ST_UNKNOWN);
	cr_expect(!counters.known);
	cr_assert_eq(write(ends.client, "12345", 5), 5);
	cr_assert_eq(write(ends.server, "123", 3), 3);
	cr_assert_eq(shutdown(ends.client, SHUT_WR), 0);
	cr_assert_eq(poll(&readable, 1, 5000), 1);
	kernel_socket_info(ends.client, NULL, &counters);
	cr_assert(counters.known);
	cr_expect_eq(counters.sent, 5);
	cr_expect_eq(counters.received, 3);
	cr_expect_eq(counters.retransmits, 0);
	cr_expect_eq(kernel_socket_info(ends.server, NULL, &counters),
		     ST_CLOSE_WAIT);
	cr_expect_eq(counters.sent, 3);
	cr_expect_eq(counters.received, 6);
}

static struct address address_of(int family, const char *bytes, size_t count)
{
	struct address address = { .family = (uint16_t)family };

	memcpy(address.bytes, bytes, count);
	return address;
}

Test(holders, which_addresses_exclude_each_other)
{
	struct address any4 = address_of(AF_INET, "\0\0\0\0", 4);
	struct address one4 = address_of(AF_INET, "\177\0\0\1", 4);
	struct address two4 = address_of(AF_INET, "\177\0\0\2", 4);
	struct address any6 = address_of(AF_INET6, "", 1);
	struct address one6 = any6;
	struct address mapped = any6;

	one6.bytes[15] = 1;
	memcpy(mapped.bytes + 10, "\377\377\177\0\0\1", 6);
	cr_expect(holders_overlap(&any4, false, &one4, false));
	cr_expect(!holders_overlap(&one4, false, &two4, false));
	cr_expect(holders_overlap(&any6, false, &one4, false));
	cr_expect(holders_overlap(&one4, false, &any6, false));
	cr_expect(!holders_overlap(&any6, true, &any4, false));
	cr_expect(!holders_overlap(&any4, false, &any6, true));
	cr_expect(!holders_overlap(&one6, false, &one4, false));
	cr_expect(!holders_overlap(&one6, false, &any4, false));
	cr_expect(holders_overlap(&mapped, false, &one4, false));
	cr_expect(!holders_overlap(&mapped, false, &two4, false));
	cr_expect(holders_overlap(&any6, false, &one6, true));
}

Test(holders, name_this_process_and_its_child)
{
	struct ends ends = make_ends(AF_INET);
	struct holder_query query = { .address = ends.peer };
	struct holders *holders = calloc(1, sizeof(*holders));
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	holders_find(&query, holders, reply);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	cr_assert_eq(holders->count, 1);
	cr_expect_eq(holders->beside, 1);
	cr_expect_eq(holders->list[0].class, HOLDER_LISTENER);
	cr_expect_eq(holders->list[0].owner_count, 2);
	cr_expect(holders->list[0].owners[0].pid == getpid() ||
		  holders->list[0].owners[1].pid == getpid());
	cr_expect_eq(holders->list[0].owners[0].fd, ends.listener);
	free(holders);
}

struct count {
	pid_t pid;
	int found;
};

static bool count_owner(const struct owner *owner, void *argument)
{
	struct count *count = argument;

	count->found += owner->pid == count->pid;
	return true;
}

static int count_some(pid_t pid, uint32_t inode, int *cut)
{
	struct count count = { .pid = pid };

	owners_find_some(&inode, 1, count_owner, &count, reply, cut);
	return count.found;
}

/*
 * A search within bounds sees the low numbers of others, more of the process
 * itself, and says that there are more.
 */
Test(holders, owners_are_looked_for_within_bounds)
{
	struct ends ends = make_ends(AF_INET);
	struct count count;
	struct stat status;
	uint32_t inode;
	int cut;

	cr_assert_eq(fstat(ends.server, &status), 0);
	inode = (uint32_t)status.st_ino;
	cr_expect_eq(count_some(getpid(), inode, &cut), 1);
	/* As many as are looked at, and then a copy of the socket. */
	for (int i = 0; i < OWNERS_EACH; i++)
		cr_assert_geq(open("/dev/null", O_RDONLY), 0);
	cr_assert_gt(dup(ends.server), OWNERS_EACH);
	count = (struct count){ .pid = fork() };
	if (count.pid == 0) {
		pause();
		_exit(0);
	}
	cr_expect_eq(count_some(getpid(), inode, &cut), 2);
	cr_expect_eq(count_some(count.pid, inode, &cut), 1);
	cr_expect_geq(cut, 1);
	owners_find(&inode, 1, count_owner, &count);
	cr_expect_eq(count.found, 2);
	kill(count.pid, SIGKILL);
	waitpid(count.pid, NULL, 0);
}
