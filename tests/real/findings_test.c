/*
 * Rules that real programs earn when they are provoked.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/log.h"
#include "support/net.h"
#include "support/run.h"
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
	cr_expect_eq(log_findings(run_log(&run), "close-wait-leak"), 0, "%s",
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
			   "-q LISTEN; do :; done; for i in 1 2 3 4 5; do curl "
			   "-s --data-binary @/bin/ls http://127.0.0.1:%d/; "
			   "done; kill $!; wait",
			   port, port, port) &
			     ~143,
		     0);
	expect_finding(&run, "reset-on-close", " bytes were not read before");
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
			   "TCP4:127.0.0.1:%d </dev/null; kill $!; wait",
			   port, port, port) &
			     ~143,
		     0);
	cr_expect_eq(log_errors(run_log(&run)), 0);
	cr_expect_eq(log_findings(run.text, "no-reuseaddr"), 1, "%s", run.text);
	run_end(&run);
}

Test(provoked, curl_is_told_where_the_listener_really_is)
{
	struct run run;

	net_isolate();
	cr_expect_eq(shell(&run,
			   "/usr/bin/python3 -c \"import socket, time; l = "
			   "socket.socket(); l.bind(('127.0.0.2', 7070)); "
			   "l.listen(); time.sleep(60)\" & until ss -Hltn "
			   "'sport = :7070' | grep -q LISTEN; do :; done; curl "
			   "-sS http://127.0.0.1:7070/; kill $!"),
		     0);
	expect_finding(&run, "connect-refused",
		       "on this machine a socket listens on 127.0.0.2:7070, "
		       "which is not the address that was asked for");
	run_end(&run);
}

/* A kernel table full of other people's TIME_WAIT does not matter. */
Test(provoked, busy_port_is_explained_among_20000_in_time_wait)
{
	struct run run;
	char *at;

	if (!net_isolate())
		cr_skip_test("needs root for a network namespace");
	cr_assert_eq(
		python(&run,
		       "import os, socket, subprocess, sys, time\n"
		       "open('/proc/sys/net/ipv4/ip_local_port_range', "
		       "'w').write('10000 60000')\n"
		       "open('/proc/sys/net/ipv4/tcp_tw_reuse', "
		       "'w').write('0')\n"
		       "e = {k: v for k, v in os.environ.items() if k != "
		       "'LD_PRELOAD'}\n"
		       "many = ['import socket', 'l = socket.socket()',\n"
		       " 'l.bind((\\'127.0.0.1\\', 7000)); l.listen(64)',\n"
		       " 'for i in range(20000):',\n"
		       " ' c = socket.create_connection(l.getsockname())',\n"
		       " ' s, _ = l.accept(); c.close(); s.close()']\n"
		       "subprocess.run([sys.executable, '-c', "
		       "'\\n'.join(many)], env=e)\n"
		       "l = socket.socket()\n"
		       "l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, "
		       "1)\n"
		       "l.bind(('127.0.0.1', 7000)); l.listen(64)\n"
		       "n = sum(1 for _ in open('/proc/net/tcp'))\n"
		       "k = socket.socket()\n"
		       "t = time.monotonic()\n"
		       "try: k.bind(('127.0.0.1', 7000))\n"
		       "except OSError: pass\n"
		       "print(n > 20000, time.monotonic() - t)\n"),
		0);
	cr_expect_eq(strncmp(run_output(&run), "True", 4), 0, "%s", run.text);
	at = strchr(run.text, ' ');
	cr_expect(at);
	fprintf(stderr, "explained in %.1f ms\n", at ? atof(at) * 1000 : 0.0);
	expect_finding(&run, "address-in-use", "holder: listener LISTEN");
	run_end(&run);
}
