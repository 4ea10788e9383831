/* tcpshadow port: each class of holder, and whose it is. */
#include <sys/prctl.h>

#include "port_asked.h"

Test(port, that_is_free)
{
	json_t *root;

	isolate();
	root = ask("5188", 0);
	check_schema();
	cr_expect_eq(number_of(root, "total"), 0);
	cr_expect_str_eq(bind_answer(root, 0, "plain"), "success");
	cr_expect_str_eq(bind_answer(root, 1, "plain"), "success");
	cr_expect_str_eq(ask_text("5188", 0),
			 "port 5188 is free\n"
			 "bind() to [::]:5188 now (tried): success\n"
			 "bind() to 0.0.0.0:5188 now (tried): success\n");
}

Test(port, of_a_listener_names_its_process_descriptor_and_start)
{
	char line[128];
	const char *text;
	json_t *root;
	int fd;

	isolate();
	fd = listening(AF_INET, "0.0.0.0", REUSEADDR);
	root = ask("5188", 1);
	expect_holder(root, 0, "listener", "LISTEN");
	expect_owner(root, 0, fd);
	cr_expect_leq(labs(unix_time(string_of(owner(root, 0), "started")) -
			   time(NULL)),
		      10);
	cr_expect_str_eq(bind_answer(root, 1, "reuseaddr"), "EADDRINUSE");
	prctl(PR_SET_NAME, "echoserv");
	text = ask_text("5188", 1);
	snprintf(line, sizeof(line),
		 "holder: listener LISTEN 0.0.0.0:5188 pid %d (echoserv) "
		 "fd %d\n    pid %d runs since 20",
		 getpid(), fd, getpid());
	cr_expect(strstr(text, line), "%s", text);
	cr_expect(strstr(text, "port 5188 is held: 1 LISTEN\n"));
	cr_expect(strstr(text, "bind() to 0.0.0.0:5188 now (tried): EADDRINUSE,"
			       " with SO_REUSEADDR: EADDRINUSE\n"));
	cr_expect(strstr(text, "help: a socket listens there: stop"));
	cr_expect_null(strchr(text, '\033'));
}

Test(port, of_a_listener_in_two_processes_names_both)
{
	json_t *root;
	pid_t child;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	root = ask("5188", 1);
	cr_expect_eq(
		json_array_size(json_object_get(holder(root, 0), "owners")), 2);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

Test(port, of_a_full_listener_tells_who_waits)
{
	json_t *root;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	connect_from(NULL, 0);
	connect_from(NULL, 0);
	wait_state(ST_ESTABLISHED, 2);
	root = ask("5188", 1);
	cr_expect_eq(number_of(holder(root, 0), "waiting"), 2);
	cr_expect_eq(number_of(holder(root, 0), "backlog"), 64);
	cr_expect(strstr(ask_text("5188", 1),
			 "    2 connections wait to be accepted (backlog 64)"));
}

Test(port, bound_without_listening)
{
	json_t *root;
	int fd;

	isolate();
	fd = bound(AF_INET, "127.0.0.1", REUSEADDR);
	root = ask("127.0.0.1:5188", 1);
	check_schema();
	expect_holder(root, 0, "bound", "CLOSED");
	expect_owner(root, 0, fd);
	cr_expect_str_eq(bind_answer(root, 0, "reuseaddr"), "success");
	ask("127.0.0.2:5188", 0);
	cr_expect(strstr(ask_text("5188", 1),
			 "is held: 1 bound without listening\n"));
}

Test(port, in_time_wait_of_a_server_without_reuseaddr)
{
	const char *text;
	json_t *root;
	long left;

	isolate();
	leave_time_wait(PLAIN);
	root = ask("5188", 1);
	expect_holder(root, 0, "time-wait", "TIME_WAIT");
	cr_expect_eq(
		json_array_size(json_object_get(holder(root, 0), "owners")), 0);
	cr_expect(json_is_false(json_object_get(holder(root, 0), "owned")));
	left = number_of(holder(root, 0), "left_ms");
	cr_expect(left > 40000 && left <= 60000, "%ld", left);
	cr_expect_leq(labs(unix_time(string_of(holder(root, 0), "ends")) -
			   unix_time(string_of(root, "asked")) - left / 1000),
		      2);
	cr_expect_str_eq(bind_answer(root, 1, "reuseaddr"), "EADDRINUSE");
	text = ask_text("5188", 1);
	cr_expect(strstr(text, "is held: 1 TIME_WAIT; until "), "%s", text);
	cr_expect(strstr(text, " no process, "), "%s", text);
	cr_expect(strstr(text, "help: the side that closed first"));
}

Test(port, in_time_wait_of_a_server_with_reuseaddr)
{
	json_t *root;

	isolate();
	leave_time_wait(REUSEADDR);
	root = ask("5188", 1);
	cr_expect_str_eq(bind_answer(root, 1, "plain"), "EADDRINUSE");
	cr_expect_str_eq(bind_answer(root, 1, "reuseaddr"), "success");
	cr_expect_str_eq(bind_answer(root, 1, "reuseport"), "EADDRINUSE");
}

Test(port, of_a_connection_in_fin_wait_2)
{
	struct pair pair;
	json_t *root;
	int listener;

	isolate();
	listener = listening(AF_INET, "0.0.0.0", PLAIN);
	pair = connected(listener);
	close(listener);
	shutdown(pair.server, SHUT_WR);
	wait_state(ST_FIN_WAIT_2, 1);
	root = ask("5188", 1);
	expect_holder(root, 0, "connection", "FIN_WAIT_2");
	expect_owner(root, 0, pair.server);
	cr_expect_null(json_object_get(holder(root, 0), "left_ms"));
}

Test(port, left_to_an_orphan_in_fin_wait_2)
{
	struct pair pair;
	json_t *root;
	int listener;

	isolate();
	listener = listening(AF_INET, "0.0.0.0", PLAIN);
	pair = connected(listener);
	close(listener);
	close(pair.server);
	wait_state(ST_FIN_WAIT_2, 1);
	root = ask("5188", 1);
	expect_holder(root, 0, "connection", "FIN_WAIT_2");
	cr_expect(json_is_false(json_object_get(holder(root, 0), "owned")));
	cr_expect_gt(number_of(holder(root, 0), "left_ms"), 0);
}

Test(port, of_a_connection_tells_what_has_flowed)
{
	struct pair pair;
	json_t *activity;
	json_t *root;
	int listener;
	char byte;

	isolate();
	listener = listening(AF_INET, "0.0.0.0", PLAIN);
	pair = connected(listener);
	cr_assert_eq(write(pair.client, "x", 1), 1);
	cr_assert_eq(read(pair.server, &byte, 1), 1);
	close(listener);
	root = ask("5188", 1);
	expect_holder(root, 0, "connection", "ESTABLISHED");
	expect_owner(root, 0, pair.server);
	check_schema();
	activity = json_object_get(holder(root, 0), "activity");
	cr_expect(json_is_true(json_object_get(activity, "received")));
	cr_expect(json_is_false(json_object_get(activity, "sent")));
	cr_expect_lt(number_of(activity, "since_received_ms"), 10000);
	cr_expect(strstr(ask_text("5188", 1), "no data sent"));
	cr_expect(strstr(run_output(&run), "    connected ") ||
		  strstr(run_output(&run), "    last data received 0 s ago"));
}

/* The port of a client, chosen by the kernel. */
Test(port, that_is_the_source_of_a_connection)
{
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	char port[16];
	json_t *root;
	int client;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	client = connect_from(NULL, 0);
	cr_assert_eq(getsockname(client, (struct sockaddr *)&in, &length), 0);
	snprintf(port, sizeof(port), "%d", ntohs(in.sin_port));
	root = ask(port, 1);
	expect_holder(root, 0, "ephemeral", "ESTABLISHED");
	expect_owner(root, 0, client);
}

/* The service has a port of that range too, but listens on this machine. */
Test(port, that_is_the_source_of_a_connection_to_a_port_like_it)
{
	FILE *range;
	char port[16];
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	int client;

	isolate();
	range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");
	cr_assert(range);
	fputs("5000 6000", range);
	cr_assert_eq(fclose(range), 0);
	listening(AF_INET, "0.0.0.0", PLAIN);
	client = connect_from(NULL, 0);
	cr_assert_eq(getsockname(client, (struct sockaddr *)&in, &length), 0);
	snprintf(port, sizeof(port), "%d", ntohs(in.sin_port));
	expect_holder(ask(port, 1), 0, "ephemeral", "ESTABLISHED");
}

Test(port, shared_by_reuseport)
{
	json_t *root;

	isolate();
	listening(AF_INET, "0.0.0.0", REUSEPORT);
	listening(AF_INET, "0.0.0.0", REUSEPORT);
	root = ask("5188", 1);
	cr_expect_eq(number_of(root, "total"), 2);
	expect_holder(root, 0, "reuseport", "LISTEN");
	cr_expect_str_eq(bind_answer(root, 1, "reuseport"), "success");
	cr_expect(strstr(ask_text("0.0.0.0:5188", 1),
			 "with SO_REUSEPORT: success\n"));
}

Test(port, of_a_dual_stack_listener_asked_for_by_ipv4)
{
	json_t *root;

	isolate();
	listening(AF_INET6, "::", PLAIN);
	expect_holder(ask("127.0.0.1:5188", 1), 0, "dual-stack", "LISTEN");
	root = ask("5188", 1);
	expect_holder(root, 0, "listener", "LISTEN");
	cr_expect_eq(json_array_size(json_object_get(root, "binds")), 2);
}

Test(port, of_an_ipv6_only_listener_leaves_ipv4_free)
{
	json_t *root;

	isolate();
	listening(AF_INET6, "::", V6ONLY);
	root = ask("5188", 1);
	cr_expect_str_eq(bind_answer(root, 0, "plain"), "EADDRINUSE");
	cr_expect_str_eq(bind_answer(root, 1, "plain"), "success");
	ask("127.0.0.1:5188", 0);
	ask("[::1]:5188", 1);
}

Test(port, of_a_listener_on_another_address_overlaps_with_the_wildcard)
{
	isolate();
	listening(AF_INET, "127.0.0.1", PLAIN);
	expect_holder(ask("0.0.0.0:5188", 1), 0, "overlap", "LISTEN");
	expect_holder(ask("*:5188", 1), 0, "listener", "LISTEN");
	ask("127.0.0.2:5188", 0);
	ask("[::1]:5188", 0);
	ask("[::ffff:127.0.0.1]:5188", 1);
}

/* In nobody's descriptor table: it travels over a unix socket. */
Test(port, held_by_a_listener_between_two_processes)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int pair[2];
	int fd;

	isolate();
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fd = listening(AF_INET, "0.0.0.0", PLAIN);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	cr_assert_eq(sendmsg(pair[0], &message, 0), 1);
	close(fd);
	cr_expect(strstr(ask_text("5188", 1),
			 " a process that cannot be seen (uid 0, root)"),
		  "%s", run_output(&run));
}

Test(port, of_a_process_with_a_hostile_name)
{
	json_t *root;

	isolate();
	prctl(PR_SET_NAME, "\033[31m\"\xff\xc3\n");
	listening(AF_INET, "0.0.0.0", PLAIN);
	root = ask("5188", 1);
	check_schema();
	cr_expect_str_eq(string_of(owner(root, 0), "command"),
			 "\\x1b[31m\"\\xff\\xc3");
	cr_expect(strstr(ask_text("5188", 1), "(\\x1b[31m\"\\xff\\xc3)"));
	for (const char *at = run_output(&run); *at; at++)
		cr_expect(*at == '\n' || (*at >= ' ' && *at < 0x7f));
}
