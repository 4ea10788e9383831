/*
 * Rules that real programs earn when they are provoked.
 */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/diag.h"
#include "support/log.h"
#include "support/net.h"
#include "support/run.h"
#include "support/trace.h"
#include "support/wait.h"

static int shell(struct run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int shell(struct run *run, const char *format, ...)
{
	static char command[2048];
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof(command), format, list);
	va_end(list);
	return run_all(run, true, NULL, ARGV("/bin/sh", "-c", command));
}

static int python(struct run *run, const char *program)
{
	return run_all(run, true, NULL,
		       ARGV("/usr/bin/python3", "-c", program));
}

static void expect_finding(struct run *run, const char *rule, const char *text)
{
	const char *finding = log_finding(run_log(run), rule);

	cr_expect(strstr(finding, text), "%s is not in: %s", text, run->text);
	cr_expect_eq(log_errors(run->text), 0);
	cr_expect_eq(log_findings(run->text, "lost-track"), 0);
}

Test(provoked, python_binds_over_its_own_time_wait)
{
	struct run run;

	cr_assert_eq(python(&run,
			    "import socket\n"
			    "l = socket.socket(); l.bind(('127.0.0.1', 0)); "
			    "l.listen()\n"
			    "c = socket.create_connection(l.getsockname())\n"
			    "s, _ = l.accept(); a = l.getsockname()\n"
			    "l.close(); s.close(); c.recv(1); c.close()\n"
			    "try: socket.socket().bind(a)\n"
			    "except OSError as e: print(e.errno)\n"),
		     0);
	cr_expect_str_eq(run_output(&run), "98\n");
	expect_finding(&run, "address-in-use", "holder: time-wait TIME_WAIT");
	expect_finding(&run, "address-in-use", "accepted by:");
	expect_finding(&run, "address-in-use", "closed by:");
	run_end(&run);
}

/* The child binds; the TIME_WAIT is its parent's. */
Test(provoked, python_child_is_told_of_its_parents_time_wait)
{
	struct run run;

	cr_assert_eq(python(&run,
			    "import os, socket\n"
			    "l = socket.socket(); l.bind(('127.0.0.1', 0)); "
			    "l.listen()\n"
			    "c = socket.create_connection(l.getsockname())\n"
			    "s, _ = l.accept(); a = l.getsockname()\n"
			    "l.close(); s.close(); c.recv(1); c.close()\n"
			    "if os.fork() == 0:\n"
			    "    try: socket.socket().bind(a)\n"
			    "    except OSError as e: print(e.errno)\n"
			    "else: os.wait()\n"),
		     0);
	expect_finding(&run, "address-in-use", "closed by:");
	run_end(&run);
}

Test(provoked, python_child_holds_the_listener)
{
	struct run run;

	cr_assert_eq(python(&run,
			    "import os, signal, socket\n"
			    "l = socket.socket(); l.bind(('127.0.0.1', 0)); "
			    "l.listen(); a = l.getsockname()\n"
			    "p = os.fork()\n"
			    "if p == 0: signal.pause()\n"
			    "l.close()\n"
			    "try: socket.socket().bind(a)\n"
			    "except OSError as e: print(e.errno)\n"
			    "os.kill(p, 9); os.wait()\n"),
		     0);
	expect_finding(&run, "address-in-use", "holder: inherited LISTEN");
	expect_finding(&run, "address-in-use", "(python3) fd 3");
	run_end(&run);
}

Test(provoked, python_leaves_connections_in_close_wait)
{
	struct run run;

	cr_assert_eq(python(&run,
			    "import os, socket\n"
			    "l = socket.socket(); l.bind(('127.0.0.1', 0)); "
			    "l.listen(); kept = []\n"
			    "for i in range(4):\n"
			    "    c = socket.create_connection(l.getsockname())"
			    "\n"
			    "    s, _ = l.accept(); c.close(); s.recv(1)\n"
			    "    kept.append(s.detach())\n"),
		     0);
	expect_finding(&run, "close-wait-leak", "has not at its end");
	cr_expect(strstr(run.text, "again: 2 more times"), "%s", run.text);
	run_end(&run);
}

Test(provoked, a_client_or_child_that_ends_with_its_input_forgets_nothing)
{
	struct run run;

	cr_assert_eq(
		python(&run,
		       "import os, socket\n"
		       "l = socket.socket(); l.bind(('127.0.0.1', 0)); "
		       "l.listen(); a = l.getsockname()\n"
		       "if os.fork() == 0:\n"
		       "    c = socket.create_connection(a)\n"
		       "    os._exit(len(c.recv(1)))\n"
		       "l.accept()[0].close()\n"
		       "os.wait()\n"
		       "c = socket.create_connection(a)\n"
		       "s, _ = l.accept()\n"
		       "if os.fork() == 0:\n"
		       "    c.close()\n"
		       "    os._exit(len(s.recv(1)))\n"
		       "s.close(); c.close()\n"
		       "os.wait()\n"
		       "c = [socket.create_connection(a) for i in range(3)]"
		       "\n"
		       "s = [l.accept()[0] for i in range(3)]\n"
		       "for i in range(3): c[i].close(); s[i].recv(1)\n"
		       "for i in range(3): s[i].detach()\n"),
		0);
	cr_expect(strstr(run_log(&run), "-> CLOSE_WAIT: "), "%s", run.text);
	cr_expect_eq(log_findings(run.text, "close-wait-leak"), 0, "%s",
		     run.text);
	run_end(&run);
}

Test(provoked, python_closes_a_descriptor_twice)
{
	struct run run;

	cr_assert_eq(python(&run, "import os, socket\n"
				  "l = socket.socket(); l.listen()\n"
				  "n = l.detach(); os.close(n)\n"
				  "try: os.close(n)\n"
				  "except OSError: pass\n"),
		     0);
	expect_finding(&run, "double-close", "closed before");
	run_end(&run);
}

Test(provoked, python_closes_with_unread_data)
{
	struct run run;

	cr_assert_eq(python(&run,
			    "import select, socket\n"
			    "l = socket.socket(); l.bind(('127.0.0.1', 0)); "
			    "l.listen()\n"
			    "c = socket.create_connection(l.getsockname())\n"
			    "s, _ = l.accept(); c.send(b'hello')\n"
			    "select.select([s], [], []); s.close()\n"),
		     0);
	expect_finding(&run, "reset-on-close", "5 bytes were not read");
	run_end(&run);
}

/* It answers 501, and has not read the body. */
Test(provoked, python_server_closes_with_an_unread_post)
{
	struct run run;
	int port;

	net_isolate();
	port = net_free_port();
	cr_expect_eq(shell(&run,
			   "/usr/bin/python3 -m http.server --bind 127.0.0.1 "
			   "-d /etc %d & until ss -Hltn 'sport = :%d' | grep "
			   "-q LISTEN; do :; done; for i in $(seq 20); do curl "
			   "-s --data-binary @/bin/ls http://127.0.0.1:%d/; "
			   "done; kill $!; wait $!",
			   port, port, port),
		     128 + SIGTERM);
	expect_finding(&run, "reset-on-close", " bytes were not read before");
	/* The reset's error tells curl's side that a FIN came first. */
	cr_expect(!strstr(run.text, "ESTABLISHED -> CLOSED"), "%s", run.text);
	run_end(&run);
}

Test(provoked, nginx_cannot_start_twice)
{
	char folder[] = "/tmp/tcpshadow-nginx-XXXXXX";
	char command[900];
	struct run first;
	struct run second;
	int port;

	net_isolate();
	port = net_free_port();
	cr_assert(mkdtemp(folder));
	chmod(folder, 0755);
	snprintf(command, sizeof(command),
		 "printf 'daemon off; pid %s/pid; error_log stderr; events {} "
		 "http { access_log off; client_body_temp_path %s/1; "
		 "proxy_temp_path %s/2; fastcgi_temp_path %s/3; "
		 "uwsgi_temp_path %s/4; scgi_temp_path %s/5; server { listen "
		 "127.0.0.1:%d; } }' > %s/c",
		 folder, folder, folder, folder, folder, folder, port, folder);
	cr_assert_eq(system(command), 0);
	snprintf(command, sizeof(command), "%s/c", folder);
	run_start(&first, true, NULL, ARGV("nginx", "-c", command));
	cr_assert(run_wait_log(&first, "CLOSED -> LISTEN"));
	cr_expect_eq(run_all(&second, true, NULL, ARGV("nginx", "-c", command)),
		     1);
	expect_finding(&second, "address-in-use", "holder: listener LISTEN");
	expect_finding(&second, "address-in-use", "(nginx) fd ");
	kill(first.pid, SIGQUIT);
	run_wait(&first);
	run_end(&first);
	run_end(&second);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}

Test(provoked, socat_leaks_its_listener_to_its_child)
{
	struct run run;
	int port;

	net_isolate();
	port = net_free_port();
	/* The child runs /bin/cat with what socat left open. */
	cr_expect_eq(shell(&run,
			   "socat TCP4-LISTEN:%d,bind=127.0.0.1,fork "
			   "SYSTEM:/bin/true & until ss -Hltn 'sport = :%d' | "
			   "grep -q LISTEN; do :; done; socat -u - "
			   "TCP4:127.0.0.1:%d </dev/null || exit; kill $!; "
			   "wait $!",
			   port, port, port),
		     128 + SIGTERM);
	cr_expect_eq(log_errors(run_log(&run)), 0);
	cr_expect_eq(log_findings(run.text, "no-reuseaddr"), 1, "%s", run.text);
	run_end(&run);
}

Test(provoked, curl_is_told_where_the_listener_really_is)
{
	char there[100];
	struct run run;
	int port;

	net_isolate();
	port = net_free_port();
	cr_expect_eq(shell(&run,
			   "/usr/bin/python3 -c \"import socket, time; l = "
			   "socket.socket(); l.bind(('127.0.0.2', %d)); "
			   "l.listen(); time.sleep(60)\" & until ss -Hltn "
			   "'sport = :%d' | grep -q LISTEN; do :; done; curl "
			   "-sS http://127.0.0.1:%d/; [ $? = 7 ] && kill $!",
			   port, port, port),
		     0);
	snprintf(there, sizeof(there),
		 "on this machine a socket listens on 127.0.0.2:%d, which is "
		 "not the address that was asked for",
		 port);
	expect_finding(&run, "connect-refused", there);
	run_end(&run);
}

enum { TIME_WAITS = 20000, BUSY_PORT = 7000 };

static void set_ipv4(const char *name, const char *value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	file = fopen(path, "w");
	cr_assert(file);
	fputs(value, file);
	cr_assert_eq(fclose(file), 0);
}

static int count_sockets(void)
{
	FILE *file = fopen("/proc/thread-self/net/tcp", "r");
	int count = 0;
	int byte;

	cr_assert(file);
	while ((byte = getc(file)) != EOF)
		count += byte == '\n';
	fclose(file);
	return count - 1;
}

/* Connections to the port whose clients closed first, and nobody holds. */
static void fill_table(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(BUSY_PORT),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	set_ipv4("ip_local_port_range", "10000 60000");
	set_ipv4("tcp_tw_reuse", "0");
	cr_assert_eq(bind(listener, (struct sockaddr *)&address,
			  sizeof(address)),
		     0);
	cr_assert_eq(listen(listener, 64), 0);
	for (int i = 0; i < TIME_WAITS; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		int server;

		cr_assert_eq(connect(client, (struct sockaddr *)&address,
				     sizeof(address)),
			     0);
		server = accept(listener, NULL, NULL);
		close(client);
		close(server);
	}
	close(listener);
	cr_assert_geq(count_sockets(), TIME_WAITS);
}

/* Does this system call ask for a table, or fetch a part of it? */
static bool is_about_a_table(pid_t pid, uint64_t number,
			     const uint64_t *arguments)
{
	return trace_asks_for_a_table(pid, number, arguments) ||
	       (number == SYS_recvfrom && arguments[2] == DIAG_REPLY_SIZE);
}

/*
 * A kernel table full of other people's TIME_WAIT does not matter: it is asked
 * for the port alone, once. In whole it comes in some hundred parts.
 */
Test(provoked, busy_port_is_explained_among_20000_in_time_wait)
{
	static const char binds_twice[] =
		"import socket\n"
		"l = socket.socket()\n"
		"l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
		"l.bind(('127.0.0.1', 7000)); l.listen(64)\n"
		"try: socket.socket().bind(('127.0.0.1', 7000))\n"
		"except OSError: print('busy')\n";
	const char *const *program =
		ARGV("/usr/bin/python3", "-c", binds_twice);
	struct run run;

	if (!net_isolate())
		cr_skip_test("needs root for a network namespace");
	fill_table();
	cr_assert_eq(run_all(&run, true, NULL, program), 0);
	cr_expect_str_eq(run_output(&run), "busy\n");
	expect_finding(&run, "address-in-use", "holder: listener LISTEN");
	run_end(&run);
	cr_expect_eq(trace_count(true, program, trace_asks_for_a_table), 1);
	/* The request, the listener, the end. */
	cr_expect_leq(trace_count(true, program, is_about_a_table), 3);
}
