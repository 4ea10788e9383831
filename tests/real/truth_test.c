/*
 * The shadow is right: all test programs, all examples and some real programs
 * run with the kernel's tracepoints beside them, and every transition that the
 * library recorded is held against the kernel's, joined by the socket's cookie.
 * What the library could not see is counted under its reason. The table is
 * printed whether the tests pass or not.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/rule.h"
#include "support/net.h"
#include "support/run.h"
#include "support/truth.h"
#include "support/wait.h"

static const char *environment[2];

/*
 * Ports that nobody outside of this name space takes by himself: the
 * tracepoints tell of the whole machine.
 */
static void begin(void)
{
	static const char range[] = "/proc/sys/net/ipv4/ip_local_port_range";
	static const char filter[] =
		"sport >= 61000 || dport >= 61000 || dport == 1 || "
		"(sport > 0 && sport < 1024)";
	bool own = net_isolate();
	FILE *file = own ? fopen(range, "w") : NULL;

	own = file && fputs("61000 65000", file) >= 0 && fclose(file) == 0;
	if (!own || !truth_start(&environment[0], filter))
		cr_skip_test("needs root and tracefs");
}

static void end_with(const char *name, int connections, int crossings)
{
	struct truth_sum sum = truth_end();

	truth_print(name, &sum);
	cr_assert(!sum.lost, "a buffer was too small");
	cr_expect_eq(sum.contradictions, 0);
	cr_expect_eq(sum.unmatched, 0);
	cr_expect_geq(sum.connections, connections);
	cr_expect_leq(sum.crossings, crossings + sum.connections / 20);
}

static void end(const char *name, int connections)
{
	/* Both ends close within 2 us: that is rare. */
	end_with(name, connections, 4);
}

static void run(const char *const *argv)
{
	struct run run;

	run_all(&run, true, environment, argv);
	run_end(&run);
}

/*
 * Left out: thousands of attempts that fail for want of a port, each recorded
 * by the kernel as two steps, overwrite the recording.
 */
static const char floods[] = "forked_children_have_no_lookup_more";

static void run_scenarios(const char *program)
{
	char names[256][96];
	int count = 0;
	FILE *stream = popen(run_program(program), "r");

	while (stream && count < 256 &&
	       fscanf(stream, "%95s", names[count]) == 1)
		count++;
	cr_assert(stream && pclose(stream) == 0 && count > 0);
	for (int i = 0; i < count; i++) {
		if (strcmp(names[i], floods) != 0)
			run(ARGV(run_program(program), names[i]));
	}
}

Test(truth, of_states)
{
	begin();
	run_scenarios("states");
	end("states", 70);
}

Test(truth, of_calls)
{
	begin();
	run_scenarios("calls");
	end("calls", 150);
}

Test(truth, of_the_contract)
{
	begin();
	run_scenarios("contract");
	run_scenarios("contract_signals");
	end("contract", 1000);
}

Test(truth, of_torture)
{
	begin();
	run_scenarios("torture_numbers");
	run_scenarios("torture_processes");
	end("torture", 1000);
}

/* Each in a name space of its own: all of the machine is recorded. */
Test(truth, of_passages)
{
	if (!truth_start(&environment[0], NULL))
		cr_skip_test("needs root and tracefs");
	run_scenarios("passages");
	run_scenarios("fast_open");
	run_scenarios("doomed");
	end("passages", 45);
}

/* Some make a name space of their own: all of the machine is recorded. */
Test(truth, of_the_examples)
{
	net_isolate();
	if (!truth_start(&environment[0], NULL))
		cr_skip_test("needs root and tracefs");
	for (int i = 0; i < RULE_COUNT; i++) {
		static const char *const which[] = { "bad", "good" };

		for (int j = 0; j < 2; j++) {
			char name[128];

			snprintf(name, sizeof(name), "%s/%s",
				 rule_slug((enum rule)i), which[j]);
			if (access(run_example(name), X_OK) == 0)
				run(ARGV(run_example(name)));
		}
	}
	end("examples", 60);
}

/*
 * A shell script, so that it reads as what a user types. It ends at the first
 * command that fails.
 */
static void script(const char *text)
{
	char folder[] = "/tmp/tcpshadow-truth-XXXXXX";
	char port[16];
	struct run run;

	cr_assert(mkdtemp(folder));
	chmod(folder, 0755);
	snprintf(port, sizeof(port), "%d", net_free_port());
	cr_expect_eq(run_all(&run, true, environment,
			     ARGV("/bin/bash", "-e", "-o", "pipefail", "-c",
				  text, folder, port)),
		     0, "%s", run_errors(&run));
	run_end(&run);
	run_all(&run, false, NULL, ARGV("rm", "-rf", folder));
	run_end(&run);
}

#define WAIT                                                              \
	"pid=$!; until ss -Hltn \"sport = :$1\" | grep -q LISTEN; do :; " \
	"done; "

/* A server that was stopped, as SIGTERM stops it. */
#define TERMINATED "wait $pid || [ $? = 143 ]"

Test(truth, of_real_programs)
{
	begin();
	script("cd $0; for i in 0 60; do printf 'daemon off; worker_processes "
	       "2; pid pid; error_log stderr; events {} http { access_log off; "
	       "keepalive_timeout %d; client_body_temp_path 1; proxy_temp_path "
	       "2; fastcgi_temp_path 3; uwsgi_temp_path 4; scgi_temp_path 5; "
	       "server { listen 127.0.0.1:%d; location / { return 200 x; } } "
	       "}' $i $1 >conf; nginx -p $0 -c conf & " WAIT
	       "for i in {1..15}; do curl -sS -o /dev/null "
	       "http://127.0.0.1:$1/a http://127.0.0.1:$1/b; done; "
	       "kill -QUIT $pid; wait $pid; done");
	script("redis-server --port $1 --bind 127.0.0.1 --save '' --dir $0 "
	       ">/dev/null & " WAIT "redis-cli -p $1 set a b; redis-cli -p $1 "
	       "get a; redis-benchmark -p $1 -n 3000 -q -t get,set; kill $pid; "
	       "wait $pid");
	script("/usr/bin/python3 -m http.server --bind 127.0.0.1 -d /etc $1 "
	       "& " WAIT "/usr/bin/python3 -c \"import urllib.request as u; [u."
	       "urlopen('http://127.0.0.1:$1/passwd').read() for i in "
	       "range(20)]\"; kill $pid; " TERMINATED);
	script("socat TCP4-LISTEN:$1,bind=127.0.0.1,fork,reuseaddr "
	       "EXEC:/bin/cat & " WAIT "for i in 1 2 3; do echo hello | nc -N "
	       "127.0.0.1 $1; echo hello | socat -t5 - TCP4:127.0.0.1:$1; "
	       "done; kill $pid; " TERMINATED);
	/* The client writes to a server that has gone. */
	script("cd $0; nc -l 127.0.0.1 $1 </dev/null >heard & " WAIT
	       "{ echo a; until [ -s heard ]; do :; done; kill $pid; until ss "
	       "-Htn state close-wait \"dport = :$1\" | grep -q .; do :; done; "
	       "echo b; while ss -Htn \"dport = :$1\" | grep -q .; do :; "
	       "done; } | nc 127.0.0.1 $1; " TERMINATED);
	end("real", 200);
}

/*
 * The server answers 501 and closes while the body still comes: a FIN, and a
 * reset for what it has not read.
 */
Test(truth, of_posts_that_are_answered_early)
{
	begin();
	script("/usr/bin/python3 -m http.server --bind 127.0.0.1 -d /etc $1 "
	       "& " WAIT "for i in {1..40}; do curl -s --data-binary @/bin/ls "
	       "-o /dev/null http://127.0.0.1:$1/ || [[ $? = 5[56] ]]; done; "
	       "kill "
	       "$pid; " TERMINATED);
	/* The reset comes when curl closes, each time. */
	end_with("posts", 81, 24);
}
