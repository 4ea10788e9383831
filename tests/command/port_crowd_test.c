/* tcpshadow port where there is much to look at, or not all may be seen. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "port_asked.h"

/* Of the commands so far, in ms: whoever else is busy does not count. */
static long processor_time(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* From 20 addresses, 1000 ports each: no two are the same connection. */
Test(port, with_20000_in_time_wait_is_answered_fast, .timeout = 120)
{
	const char *text;
	json_t *states;
	json_t *root;
	int listener;
	long before;
	long spent;

	isolate();
	bound(AF_INET, "127.0.0.7", REUSEADDR);
	listener = listening(AF_INET, "0.0.0.0", REUSEADDR);
	for (int i = 0; i < 20000; i++) {
		struct pair pair;
		char host[32];

		snprintf(host, sizeof(host), "127.0.1.%d", i / 1000 + 1);
		pair.client = connect_from(host, 10000 + i % 1000);
		pair.server = accept(listener, NULL, NULL);
		close_in_order(pair);
	}
	wait_state(ST_TIME_WAIT, 20000);
	before = processor_time();
	text = ask_text("5188", 1);
	spent = processor_time() - before;
	fprintf(stderr, "answered in %ld ms\n", spent);
	cr_expect_lt(spent, 1000);
	cr_expect(strstr(text, "1 bound without listening, 1 LISTEN, "
			       "20000 TIME_WAIT\n"),
		  "%s", text);
	cr_expect(
		strstr(text, "and 19996 more in TIME_WAIT; the last ends in "));
	root = ask("5188", 1);
	cr_expect_eq(number_of(root, "total"), 20002);
	cr_expect_eq(json_array_size(json_object_get(root, "holders")), 6);
	states = json_object_get(json_object_get(root, "states"), "TIME_WAIT");
	cr_expect_eq(number_of(states, "count"), 20000);
	cr_expect_gt(number_of(states, "longest_left_ms"), 30000);
	check_schema();
}

Test(port, with_many_listeners_shows_them_all)
{
	isolate();
	for (int i = 0; i < 50; i++)
		listening(AF_INET, "0.0.0.0", REUSEPORT);
	cr_expect_eq(
		json_array_size(json_object_get(ask("5188", 1), "holders")),
		50);
}

/*
 * The command as a user whom nothing belongs to, and who may not be able to
 * reach the build folder.
 */
static const char *ask_as_nobody(const char *port, int status)
{
	struct run copy;
	char path[96];

	run_end(&run);
	cr_assert_eq(run_all(&copy, false, NULL, ARGV("true")), 0);
	snprintf(path, sizeof(path), "%s/tcpshadow", copy.folder);
	cr_assert_eq(
		run_all(&run, false, NULL, ARGV("cp", run_command(), path)), 0);
	run_end(&run);
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV("setpriv", "--reuid=54321", "--regid=54321",
				  "--clear-groups", path, "port", port)),
		     status, "%s", run_errors(&run));
	run_end(&copy);
	return run_output(&run);
}

/* What another user may see: the socket, and how much is hidden. */
Test(port, asked_about_by_another_user)
{
	const char *text;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	text = ask_as_nobody("5188", 1);
	cr_expect(strstr(text, "holder: listener LISTEN 0.0.0.0:5188 a process "
			       "that cannot be seen (uid 0, root)\n"),
		  "%s", text);
	cr_expect(strstr(text, " processes of other users could not be looked "
			       "into: run as root to see all owners\n"),
		  "%s", text);
}

/* With hidepid other users' processes are not even there to be counted. */
Test(port, asked_about_by_another_user_in_a_proc_that_hides)
{
	const char *text;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		cr_skip_test("no proc that hides here");
	text = ask_as_nobody("5188", 1);
	cr_expect(strstr(text, "(uid 0, root): run as root to see it\n"), "%s",
		  text);
}

/* Of the asking user, but its files are root's: it holds nothing. */
static pid_t zombie_of_nobody(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		execlp("setpriv", "setpriv", "--reuid=54321", "--regid=54321",
		       "--clear-groups", "true", NULL);
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

Test(port, asked_about_by_another_user_with_a_zombie)
{
	const char *text;
	pid_t zombie;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		cr_skip_test("no proc that hides here");
	zombie = zombie_of_nobody();
	text = ask_as_nobody("5188", 1);
	cr_expect(strstr(text, "(uid 0, root): run as root to see it\n"), "%s",
		  text);
	waitpid(zombie, NULL, 0);
}

Test(port, asked_about_by_root_without_the_right_to_look)
{
	char line[600];

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	snprintf(line, sizeof(line),
		 "exec setpriv --bounding-set -sys_ptrace --inh-caps "
		 "-sys_ptrace %s port 5188",
		 run_command());
	cr_expect_eq(run_all(&run, false, NULL, ARGV("sh", "-c", line)), 1);
	cr_expect(strstr(run_output(&run), "this needs CAP_SYS_PTRACE"), "%s",
		  run_output(&run));
}

/* Some sandboxes have no netlink: the bind alone answers then. */
Test(port, where_the_kernel_may_not_be_asked)
{
	struct sock_filter refuse_netlink[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 6, .filter = refuse_netlink };
	json_t *root;

	isolate();
	listening(AF_INET, "0.0.0.0", PLAIN);
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	root = ask("5188", 1);
	check_schema();
	cr_expect_str_eq(string_of(root, "error"), "EACCES");
	cr_expect_eq(number_of(root, "total"), 0);
	cr_expect(strstr(ask_text("5188", 1),
			 "the kernel did not tell who is on the port: "
			 "EACCES\n"));
}

Test(port, that_another_user_may_not_have)
{
	isolate();
	cr_expect(strstr(ask_as_nobody("80", 0),
			 "bind() to 0.0.0.0:80 now (tried): EACCES (not "
			 "permitted"),
		  "%s", run_output(&run));
}
