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

static struct comparison compare(int connections)
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
			"contradictions, %d crossings, %d guesses, %d unseen\n",
			sum.connections, sum.transitions, sum.contradictions,
			sum.crossings, sum.guesses, sum.unseen);
	}
	cr_expect_geq(sum.connections, connections);
	cr_expect(strstr(all_logs, " -> ESTABLISHED: ") ||
		  strstr(all_logs, " SYN_SENT -> CLOSED: "));
	return sum;
}

static void end(int connections)
{
	struct comparison sum = compare(connections);

	/* Both ends close within 2 us: that is rare. */
	cr_expect_leq(sum.crossings, 4 + sum.connections / 20);
	cr_expect_eq(sum.guesses, 0);
}

/*
 * In TLS the one end says good-bye, and the other answers by closing too, at
 * the same moment; or it says good-bye itself, which a closed socket answers
 * with a reset: of its end the log says "likely".
 */
static void end_tls(int connections)
{
	struct comparison sum = compare(connections);

	cr_expect_leq(sum.guesses, sum.connections / 2);
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

enum { KEEP_ALIVE = 1, TLS = 2 };

struct nginx {
	struct run run;
	char folder[32];
	int port;
};

static void remove_folder(const char *folder)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}

/* Of 127.0.0.1, signed by itself: clients are told to trust it. */
static void make_certificate(const char *folder)
{
	struct run openssl;

	cr_assert_eq(shell(&openssl, false,
			   "cd %s && exec openssl req -x509 -newkey ec "
			   "-pkeyopt ec_paramgen_curve:prime256v1 -nodes "
			   "-keyout key -out cert -days 2 -subj /CN=here "
			   "-addext subjectAltName=IP:127.0.0.1",
			   folder),
		     0, "%s", run_errors(&openssl));
	run_end(&openssl);
}

static const char *nginx_config(const struct nginx *nginx, int how)
{
	static char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/nginx.conf", nginx->folder);
	file = fopen(path, "w");
	cr_assert(file);
	fprintf(file,
		"daemon off; worker_processes 2; pid pid;\n"
		"error_log stderr; events { worker_connections 128; }\n"
		"http { access_log off; keepalive_timeout %d;\n"
		"client_body_temp_path 1; proxy_temp_path 2;\n"
		"fastcgi_temp_path 3; uwsgi_temp_path 4; scgi_temp_path 5;\n"
		"server { listen 127.0.0.1:%d%s; location / { return 200 "
		"\"hello\\n\"; }\n",
		how & KEEP_ALIVE ? 60 : 0, nginx->port,
		how & TLS ? " ssl" : "");
	if (how & TLS)
		fputs("ssl_certificate cert; ssl_certificate_key key;\n", file);
	fputs("} }\n", file);
	fclose(file);
	return path;
}

static void start_nginx(struct nginx *nginx, int how)
{
	nginx->port = net_free_port();
	strcpy(nginx->folder, "/tmp/tcpshadow-nginx-XXXXXX");
	cr_assert(mkdtemp(nginx->folder));
	chmod(nginx->folder, 0755);
	if (how & TLS)
		make_certificate(nginx->folder);
	run_start(&nginx->run, true, NULL,
		  ARGV("nginx", "-p", nginx->folder, "-c",
		       nginx_config(nginx, how)));
	wait_port(nginx->port);
}

static void stop_nginx(struct nginx *nginx)
{
	cr_expect_eq(stop(&nginx->run, SIGQUIT), 0);
	keep_log(&nginx->run);
	cr_expect_eq(log_severity(nginx->run.text, "warning"), 0, "%s",
		     nginx->run.text);
	run_end(&nginx->run);
	remove_folder(nginx->folder);
}

static void nginx_with_curl(int how)
{
	struct nginx nginx;
	struct run curl;
	const char *scheme = how & TLS ? "https" : "http";

	start_nginx(&nginx, how);
	for (int i = 0; i < 20; i++) {
		cr_expect_eq(shell(&curl, true,
				   "exec curl -sS --cacert %s/cert "
				   "%s://127.0.0.1:%d/a %s://127.0.0.1:%d/b",
				   nginx.folder, scheme, nginx.port, scheme,
				   nginx.port),
			     0);
		cr_expect_str_eq(run_output(&curl), "hello\nhello\n");
		cr_expect_str_eq(run_errors(&curl), "");
		keep_log(&curl);
		run_end(&curl);
	}
	stop_nginx(&nginx);
	cr_expect_eq(log_severity(all_logs, "warning"), 0, "%s", all_logs);
}

Test(real, nginx_and_curl_with_keep_alive)
{
	begin();
	nginx_with_curl(KEEP_ALIVE);
	end(40);
}

Test(real, nginx_and_curl_without_keep_alive)
{
	begin();
	nginx_with_curl(0);
	end(80);
}

Test(real, nginx_and_curl_over_tls)
{
	begin();
	nginx_with_curl(KEEP_ALIVE | TLS);
	end_tls(40);
}

Test(real, nginx_and_curl_over_tls_without_keep_alive)
{
	begin();
	nginx_with_curl(TLS);
	end_tls(80);
}

Test(real, nginx_and_urllib_over_tls)
{
	struct nginx nginx;
	struct run client;

	begin();
	start_nginx(&nginx, KEEP_ALIVE | TLS);
	cr_expect_eq(shell(&client, true,
			   "exec /usr/bin/python3 -c \"import ssl, "
			   "urllib.request as u; c = ssl."
			   "create_default_context(cafile='%s/cert'); print("
			   "[u.urlopen('https://127.0.0.1:%d/', context=c)"
			   ".read() for i in range(20)] == [b'hello\\n'] * "
			   "20)\"",
			   nginx.folder, nginx.port),
		     0);
	cr_expect_str_eq(run_output(&client), "True\n", "%s",
			 run_errors(&client));
	keep_log(&client);
	run_end(&client);
	stop_nginx(&nginx);
	cr_expect_eq(log_severity(all_logs, "warning"), 0, "%s", all_logs);
	end_tls(40);
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
	int port = net_free_port();
	struct run server;
	struct run client;
	char text[16];

	net_isolate();
	snprintf(text, sizeof(text), "%d", port);
	run_start(&server, true, NULL, ARGV("nc", "-l", "127.0.0.1", text));
	wait_port(port);
	run_start(&client, true, NULL, ARGV("nc", "127.0.0.1", text));
	run_write(&client, "a\n");
	cr_assert(run_wait_output(&server, "a\n"));
	cr_expect_eq(stop(&server, SIGTERM), 128 + SIGTERM);
	cr_assert(run_wait_log(&client, "ESTABLISHED -> CLOSE_WAIT: read()"));
	/* The answer is a reset, and it ends. */
	run_write(&client, "b\n");
	cr_expect_eq(run_wait(&client), 0, "%s", run_errors(&client));
	cr_expect_eq(log_findings(run_log(&server), "lost-track"), 0);
	cr_expect_eq(log_findings(run_log(&client), "lost-track"), 0);
	cr_expect_eq(log_findings(client.text, "write-after-peer-close"), 1,
		     "%s", client.text);
	run_end(&server);
	run_end(&client);
}
