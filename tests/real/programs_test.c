/*
 * Programs that we did not write, under the library: they do what they always
 * do, no healthy run earns a finding above a note, and every transition in the
 * log is the kernel's (the tracepoint is asked where we are root).
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/log.h"
#include "support/net.h"
#include "support/oracle.h"
#include "support/run.h"
#include "support/wait.h"

static struct oracle oracle;
static bool has_oracle;
static char all_logs[8 << 20];

static void begin(void)
{
	net_isolate();
	has_oracle = oracle_start(&oracle);
	all_logs[0] = '\0';
}

/* Keeps the log of a run for the comparison at the end. */
static void keep_log(struct run *run)
{
	const char *log = run_log(run);

	cr_assert_lt(strlen(all_logs) + strlen(log), sizeof(all_logs));
	strcat(all_logs, log);
}

static void end(int connections)
{
	struct comparison sum = { .connections = connections };

	cr_expect_eq(log_errors(all_logs), 0);
	cr_expect_eq(log_findings(all_logs, "lost-track"), 0);
	cr_expect_eq(log_severity(all_logs, "error"), 0, "%s", all_logs);
	if (has_oracle) {
		oracle_stop(&oracle);
		sum = oracle_compare(&oracle, all_logs);
		oracle_free(&oracle);
		cr_expect_eq(sum.contradictions, 0);
		cr_expect_eq(sum.unmatched, 0);
		fprintf(stderr,
			"%d connections, %d transitions compared, %d "
			"contradictions, %d crossings, %d unseen\n",
			sum.connections, sum.transitions, sum.contradictions,
			sum.crossings, sum.unseen);
		/* Both ends close within 2 us: that is rare. */
		cr_expect_leq(sum.crossings, 4 + sum.connections / 20);
	}
	cr_expect_geq(sum.connections, connections);
}

/* A run of the shell, so that a test reads as what a user types. */
static int shell(struct run *run, bool shadowed, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int shell(struct run *run, bool shadowed, const char *format, ...)
{
	static char command[2048];
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof(command), format, list);
	va_end(list);
	return run_all(run, shadowed, NULL, ARGV("/bin/sh", "-c", command));
}

/* Until something listens on the port. */
static bool listens(void *argument)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ss -Hltn 'sport = :%d' | grep -q LISTEN", *(int *)argument);
	return system(command) == 0;
}

static void wait_port(int port)
{
	cr_assert(wait_for(listens, &port, RUN_TIMEOUT));
}

static int stop(struct run *run, int signal)
{
	kill(run->pid, signal);
	return run_wait(run);
}

static const char *nginx_config(const char *folder, int port, bool keep_alive)
{
	static char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/nginx.conf", folder);
	file = fopen(path, "w");
	cr_assert(file);
	fprintf(file,
		"daemon off; worker_processes 2; pid %s/pid;\n"
		"error_log stderr; events { worker_connections 128; }\n"
		"http { access_log off; keepalive_timeout %d;\n"
		"client_body_temp_path %s/1; proxy_temp_path %s/2;\n"
		"fastcgi_temp_path %s/3; uwsgi_temp_path %s/4;\n"
		"scgi_temp_path %s/5;\n"
		"server { listen 127.0.0.1:%d; location / { return 200 "
		"\"hello\\n\"; } } }\n",
		folder, keep_alive ? 60 : 0, folder, folder, folder, folder,
		folder, port);
	fclose(file);
	return path;
}

static void nginx_with_curl(bool keep_alive)
{
	int port = net_free_port();
	char folder[] = "/tmp/tcpshadow-nginx-XXXXXX";
	char command[64];
	struct run nginx;
	struct run curl;

	cr_assert(mkdtemp(folder));
	chmod(folder, 0755);
	run_start(&nginx, true, NULL,
		  ARGV("nginx", "-c", nginx_config(folder, port, keep_alive)));
	wait_port(port);
	for (int i = 0; i < 20; i++) {
		cr_expect_eq(shell(&curl, true,
				   "exec curl -sS http://127.0.0.1:%d/a "
				   "http://127.0.0.1:%d/b",
				   port, port),
			     0);
		cr_expect_str_eq(run_output(&curl), "hello\nhello\n");
		cr_expect_str_eq(run_errors(&curl), "");
		keep_log(&curl);
		run_end(&curl);
	}
	cr_expect_eq(stop(&nginx, SIGQUIT), 0);
	keep_log(&nginx);
	cr_expect_eq(log_severity(all_logs, "warning"), 0, "%s", all_logs);
	run_end(&nginx);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}

Test(real, nginx_and_curl_with_keep_alive)
{
	begin();
	nginx_with_curl(true);
	end(40);
}

Test(real, nginx_and_curl_without_keep_alive)
{
	begin();
	nginx_with_curl(false);
	end(80);
}

Test(real, redis_with_its_client_and_its_benchmark)
{
	int port = net_free_port();
	char text[16];
	struct run redis;
	struct run client;

	begin();
	snprintf(text, sizeof(text), "%d", port);
	run_start(&redis, true, NULL,
		  ARGV("redis-server", "--port", text, "--bind", "127.0.0.1",
		       "--save", "", "--dir", "/tmp"));
	wait_port(port);
	cr_expect_eq(shell(&client, true,
			   "redis-cli -p %d set key value && exec redis-cli -p "
			   "%d get key",
			   port, port),
		     0);
	cr_expect_str_eq(run_output(&client), "OK\nvalue\n");
	cr_expect_eq(log_severity(run_log(&client), "warning"), 0, "%s",
		     client.text);
	/* It leaves the signal alone, in both runs. */
	cr_expect_eq(log_findings(client.text, "sigpipe-client"), 2, "%s",
		     client.text);
	keep_log(&client);
	run_end(&client);
	cr_expect_eq(shell(&client, true,
			   "exec redis-benchmark -p %d -n 10000 -q -t get,set",
			   port),
		     0);
	cr_expect(strstr(run_output(&client), "GET: "), "%s", client.text);
	cr_expect_str_eq(run_errors(&client), "");
	keep_log(&client);
	cr_expect_eq(log_severity(client.text, "warning"), 0, "%s",
		     client.text);
	run_end(&client);
	cr_expect_eq(stop(&redis, SIGTERM), 0);
	cr_expect_eq(log_severity(run_log(&redis), "warning"), 0, "%s",
		     redis.text);
	keep_log(&redis);
	run_end(&redis);
	end(200);
}

Test(real, python_server_and_urllib)
{
	int port = net_free_port();
	char text[16];
	struct run server;
	struct run client;

	begin();
	snprintf(text, sizeof(text), "%d", port);
	run_start(&server, true, NULL,
		  ARGV("/usr/bin/python3", "-m", "http.server", "--bind",
		       "127.0.0.1", "--directory", "/etc", text));
	wait_port(port);
	cr_expect_eq(shell(&client, true,
			   "exec /usr/bin/python3 -c \"import urllib.request "
			   "as u; print(all(u.urlopen('http://127.0.0.1:%d/"
			   "passwd').read() for i in range(20)))\"",
			   port),
		     0);
	cr_expect_str_eq(run_output(&client), "True\n", "%s",
			 run_errors(&client));
	keep_log(&client);
	run_end(&client);
	stop(&server, SIGINT);
	keep_log(&server);
	cr_expect_eq(log_severity(all_logs, "warning"), 0, "%s", all_logs);
	run_end(&server);
	end(41);
}

/* socat and netcat leave SIGPIPE alone: the finding is right. */
Test(real, socat_echoes_and_netcat_talks_to_it)
{
	int port = net_free_port();
	char listen[64];
	struct run server;
	struct run client;

	begin();
	snprintf(listen, sizeof(listen),
		 "TCP4-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr", port);
	run_start(&server, true, NULL,
		  ARGV("socat", "-t30", listen, "EXEC:/bin/cat"));
	wait_port(port);
	cr_expect_eq(shell(&client, true, "echo hello | nc -N 127.0.0.1 %d",
			   port),
		     0);
	cr_expect_str_eq(run_output(&client), "hello\n");
	keep_log(&client);
	run_end(&client);
	cr_expect_eq(shell(&client, true,
			   "echo hello | socat -t5 - TCP4:127.0.0.1:%d", port),
		     0);
	cr_expect_str_eq(run_output(&client), "hello\n");
	keep_log(&client);
	run_end(&client);
	stop(&server, SIGTERM);
	keep_log(&server);
	run_end(&server);
	end(5);
}

Test(real, curl_is_refused_and_says_what_it_always_says)
{
	struct run curl;
	int port = net_free_port();

	begin();
	cr_expect_eq(shell(&curl, true, "exec curl -sS http://127.0.0.1:%d/",
			   port),
		     7);
	cr_expect(strstr(run_errors(&curl), "Failed to connect"));
	cr_expect_eq(log_findings(run_log(&curl), "connect-refused"), 1, "%s",
		     curl.text);
	keep_log(&curl);
	run_end(&curl);
	end(1);
}

Test(real, second_redis_on_the_port_is_told_who_has_it)
{
	int port = net_free_port();
	char text[16];
	char holder[64];
	struct run first;
	struct run second;

	net_isolate();
	snprintf(text, sizeof(text), "%d", port);
	run_start(&first, true, NULL,
		  ARGV("redis-server", "--port", text, "--bind", "127.0.0.1",
		       "--save", "", "--dir", "/tmp"));
	wait_port(port);
	cr_expect_eq(shell(&second, true,
			   "exec redis-server --port %d --bind 127.0.0.1 "
			   "--save '' --dir /tmp",
			   port),
		     1);
	snprintf(holder, sizeof(holder), "pid %d (redis-server) fd ",
		 first.pid);
	cr_expect(strstr(log_finding(run_log(&second), "address-in-use"),
			 holder),
		  "%s", second.text);
	stop(&first, SIGTERM);
	run_end(&first);
	run_end(&second);
}

Test(real, netcat_writes_to_a_server_that_has_gone)
{
	struct run client;
	int port = net_free_port();

	net_isolate();
	/* The server reads nothing and goes; the client writes on. */
	cr_expect_eq(shell(&client, true,
			   "nc -l 127.0.0.1 %d </dev/null >/dev/null & "
			   "until ss -Hltn 'sport = :%d' | grep -q LISTEN; do "
			   ":; done; { echo a; sleep 0.3; kill $!; sleep 0.3; "
			   "echo b; sleep 0.3; echo c; } | nc 127.0.0.1 %d; "
			   "echo status $?",
			   port, port, port),
		     0);
	cr_expect_eq(log_findings(run_log(&client), "lost-track"), 0);
	cr_expect_eq(log_findings(client.text, "write-after-peer-close"), 1,
		     "%s", client.text);
	run_end(&client);
}
