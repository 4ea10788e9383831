/*
 * What of the tree of processes is followed: those of other users, in other
 * namespaces, just begun, and what is said of the rest.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/run.h"
#include "support/wait.h"

/* tcpshadow run WORDS... */
#define RUN(...) ARGV(run_command(), "run", __VA_ARGS__)

#define OWN_PROC "unshare", "-p", "--mount-proc", "--fork"
#define NOBODY "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"

static int count(const char *text, const char *wanted)
{
	int found = 0;

	for (; (text = strstr(text, wanted)) != NULL; text++)
		found++;
	return found;
}

static void needs_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
}

/* A way to start a program that this machine may not allow. */
static void needs(const char *const *command)
{
	struct run run;
	int status = run_all(&run, false, NULL, command);

	run_end(&run);
	if (status != 0)
		cr_skip_test("`%s %s` does not work here", command[0],
			     command[1]);
}

/* Each that earns a double-close is told, and all were followed. */
static void expect_double_closes(const char *const *argv, int number)
{
	struct run run;

	cr_expect_eq(run_all(&run, false, NULL, argv), 0, "%s",
		     run_errors(&run));
	cr_expect_eq(count(run_errors(&run), "[double-close]"), number, "%s",
		     run.text);
	cr_expect_null(strstr(run.text, "incomplete"), "%s", run.text);
	run_end(&run);
}

static void check_followed(const char *const *argv)
{
	expect_double_closes(argv, 1);
}

Test(followed, a_program_of_another_user)
{
	needs_root();
	needs(ARGV(NOBODY, "test", "-r", run_library()));
	check_followed(RUN(NOBODY, run_example("double-close/bad")));
}

Test(followed, a_program_with_fewer_privileges)
{
	needs_root();
	check_followed(RUN("setpriv", "--bounding-set=-all",
			   run_example("double-close/bad")));
}

Test(followed, a_program_in_a_user_namespace)
{
	needs(ARGV("unshare", "-Ur", "true"));
	check_followed(RUN("unshare", "-Ur", run_example("double-close/bad")));
}

Test(followed, a_program_without_proc)
{
	needs_root();
	check_followed(RUN("unshare", "-m", "/bin/sh", "-c",
			   "mount -t tmpfs none /proc && exec \"$0\"",
			   run_example("double-close/bad")));
}

Test(followed, the_command_itself_needs_a_proc)
{
	struct run run;

	needs_root();
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV("unshare", "-m", "/bin/sh", "-c",
				  "mount -t tmpfs none /proc && "
				  "exec \"$0\" run true",
				  run_command())),
		     2);
	cr_expect_str_eq(run_errors(&run),
			 "tcpshadow: there is no /proc here, by which "
			 "tcpshadow finds its library\n");
	run_end(&run);
}

/* It may kill for a socket. */
Test(followed, behind_a_filter_of_the_run_nobody_asks)
{
	struct run run;

	needs_root();
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(NOBODY, run_program("filtered"), "echo", "x")),
		     0, "%s", run.text);
	cr_expect_str_eq(run_output(&run), "x\n");
	cr_expect(strstr(run_errors(&run), "was not followed"), "%s", run.text);
	run_end(&run);
}

Test(followed, many_programs_of_another_user_that_begin_at_once)
{
	static const char script[] = "i=0; while [ $i -lt 40 ]; do \"$0\" & "
				     "i=$((i + 1)); done; wait";
	struct run run;

	needs_root();
	needs(ARGV(NOBODY, "test", "-r", run_library()));
	cr_expect_eq(run_all(&run, false, NULL,
			     RUN(NOBODY, "/bin/sh", "-c", script,
				 run_example("double-close/bad"))),
		     0);
	cr_expect_eq(count(run_errors(&run), "[double-close]"), 40, "%s",
		     run.text);
	cr_expect_null(strstr(run.text, "incomplete"), "%s", run.text);
	run_end(&run);
}

/* The calls that the command itself makes, a line each, in *text. */
static void run_traced(struct run *run, char **text, const char *calls,
		       const char *const *argv)
{
	char path[] = "/tmp/tcpshadow-calls-XXXXXX";
	const char *words[16] = { "strace", "-qq", "-e", calls, "-o", path };
	size_t size = 0;
	FILE *stream;
	int count = 6;
	int fd;

	needs(ARGV("strace", "-o", "/dev/null", "true"));
	fd = mkstemp(path);
	cr_assert(fd >= 0);
	while (*argv && count < 15)
		words[count++] = *argv++;
	cr_assert(!*argv);
	run_start(run, false, NULL, words);
	cr_expect_eq(run_wait(run), 0, "%s", run_errors(run));
	stream = fdopen(fd, "r");
	*text = NULL;
	cr_assert(getdelim(text, &size, '\0', stream) > 0);
	fclose(stream);
	unlink(path);
}

/*
 * Each has its answer at once, not when the command looks again (10 ms). That
 * one comes between the end of a wait and the look is luck.
 */
Test(followed, who_asks_does_not_wait)
{
	static const char script[] =
		"i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i + 1)); done";
	bool in_vain = false;
	int asked = 0;
	int late = 0;
	char *text;
	char *rest;
	char *line;
	struct run run;

	needs_root();
	needs(ARGV(NOBODY, "test", "-r", run_library()));
	run_traced(&run, &text, "trace=?epoll_wait,?epoll_pwait,recvmsg",
		   RUN(NOBODY, "/bin/sh", "-c", script));
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;) {
		if (strncmp(line, "epoll_", 6) == 0) {
			in_vain = strstr(line, " = 0") != NULL;
		} else if (strstr(line, "SCM_CREDENTIALS")) {
			asked++;
			late += in_vain;
		}
	}
	cr_expect_gt(asked, 100);
	cr_expect_leq(late, asked / 10, "%d of %d", late, asked);
	free(text);
	run_end(&run);
}

/* Programs that are executed by forked children, and one that forks itself. */
static void check_tree_in(const char *const *argv)
{
	expect_double_closes(argv, 11);
}

static const char tree_script[] =
	"\"$0\" ends 0; \"$0\" generations 3; \"$0\" children 10; :";

Test(followed, a_tree_in_a_pid_namespace)
{
	needs_root();
	check_tree_in(RUN("unshare", "-p", "--fork", "/bin/sh", "-c",
			  tree_script, run_program("tree")));
}

Test(followed, a_tree_in_a_pid_namespace_with_a_proc_of_its_own)
{
	needs_root();
	check_tree_in(RUN(OWN_PROC, "/bin/sh", "-c", tree_script,
			  run_program("tree")));
}

static bool has_accepted(void *run)
{
	return strstr(run_errors(run), "SYN_RCVD -> ESTABLISHED");
}

/* ... to whom number 1 is himself, and to the command the machine's init. */
static void check_pids_in(const char *const *argv)
{
	char command[16] = "";
	char path[64];
	struct run run;
	FILE *file;
	pid_t pid;

	run_start(&run, false, NULL, argv);
	cr_assert(run_wait_output(&run, "ready "));
	cr_assert(wait_for(has_accepted, &run, RUN_TIMEOUT));
	pid = atoi(run.text + strlen("tcpshadow: "));
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "r");
	cr_assert(file && fgets(command, sizeof(command), file), "%s",
		  run.text);
	fclose(file);
	cr_expect_str_eq(command, "tree\n");
	/* Its end is seen too: the sockets are looked up. */
	kill(pid, SIGKILL);
	run_wait(&run);
	cr_expect_eq(count(run_errors(&run), "seen at exit"), 3, "%s",
		     run.text);
	cr_expect_null(strstr(run.text, "still live"), "%s", run.text);
	cr_expect_null(strstr(run.text, "incomplete"), "%s", run.text);
	run_end(&run);
}

Test(followed, pids_are_those_of_the_command_s_namespace)
{
	needs_root();
	check_pids_in(RUN("-v", "unshare", "-p", "--fork", run_program("tree"),
			  "lives"));
	check_pids_in(RUN("-v", OWN_PROC, "/bin/sh", "-c",
			  "\"$0\" lives; :", run_program("tree")));
	check_pids_in(RUN("-v", "unshare", "-m", "-p", "--fork", "/bin/sh",
			  "-c", "mount -t tmpfs none /proc; \"$0\" lives; :",
			  run_program("tree")));
}

/* Spawned ones are told of by their parent, who knows another number. */
Test(followed, what_is_not_followed_in_a_pid_namespace_is_named_there)
{
	struct run run;

	needs_root();
	run_all(&run, false, NULL,
		RUN(OWN_PROC, "/bin/sh", "-c",
		    "\"$0\"; :", run_program("static")));
	cr_expect_eq(count(run_errors(&run), "was not followed"), 1, "%s",
		     run.text);
	cr_expect_null(strstr(run.text, "(pid 2) was"), "%s", run.text);
	cr_expect_null(strstr(run.text, "still live"), "%s", run.text);
	run_end(&run);
}

Test(followed, what_has_just_begun_in_the_background_lives_and_no_more)
{
	for (int i = 0; i < 20; i++) {
		struct run run;

		run_start(&run, false, NULL,
			  RUN("/bin/sh", "-c", "exec 3<&0; cat <&3 & :"));
		cr_expect_eq(run_wait(&run), 0);
		cr_expect(strstr(run_errors(&run), "1 process of the run still "
						   "lives"),
			  "%s", run.text);
		cr_expect_null(strstr(run.text, "not followed"), "%s",
			       run.text);
		run_end(&run);
	}
}

Test(followed, what_lives_in_the_background_without_the_library_is_named)
{
	struct run run;

	run_start(&run, false, NULL,
		  RUN("/bin/sh", "-c", "exec 3<&0; env -i cat <&3 & :"));
	cr_expect_eq(run_wait(&run), 0);
	cr_expect(strstr(run_errors(&run), "still lives"), "%s", run.text);
	run_end(&run);
}

/* A namespace with the outer one's /proc, where its pids are others. */
Test(followed, what_lives_is_told_where_proc_does_not_show_it)
{
	struct run run;

	needs_root();
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV("unshare", "-p", "--fork", run_command(),
				  "run", "/bin/sh", "-c",
				  "env -i sleep 60 & :")),
		     0);
	cr_expect(strstr(run_errors(&run), "still live"), "%s", run.text);
	cr_expect(strstr(run.text, "incomplete"), "%s", run.text);
	run_end(&run);
	run_start(&run, false, NULL,
		  ARGV("unshare", "-p", "--fork", run_command(), "run",
		       run_program("tree"), "leaves-a-daemon"));
	cr_expect_eq(run_wait(&run), 0);
	cr_expect(strstr(run_errors(&run), "1 process of the run still lives"),
		  "%s", run.text);
	cr_expect(strstr(run.text, "(tree): "), "%s", run.text);
	run_end(&run);
}

/* They have no variables to look through, and are not in the middle of an exec.
 */
Test(followed, programs_without_variables_do_not_hold_the_end_up)
{
	static const char script[] =
		"exec 3<&0; for i in 0 1 2 3 4 5 6 7 8 9; do env -i cat <&3 & "
		"all=\"$all $!\"; done; for i in $all; do until [ \"$(cat "
		"/proc/$i/comm)\" = cat ]; do :; done; done";
	struct run run;
	char *text;

	run_traced(&run, &text, "trace=?nanosleep,?clock_nanosleep",
		   RUN("/bin/sh", "-c", script));
	cr_expect_eq(count(run_errors(&run), "cat (pid "), 10, "%s", run.text);
	/* 200 looks at each, twice, were 4000. */
	cr_expect_leq(count(text, "nanosleep("), 200, "%s", text);
	free(text);
	run_end(&run);
}

/* The kernel answers for the sockets of one's own network namespace only. */
/* Whoever tells which one it is makes a call that the sandbox kills for. */
Test(followed, another_network_namespace_in_a_sandbox_is_not_asked_for)
{
	struct run run;

	run_all(&run, false, NULL,
		RUN(run_program("torture_sandbox"), "another_network_inside"));
	cr_expect_eq(run.status, 0, "%d: %s", run.status, run.text);
	run_end(&run);
}

/* Nor can it ask for what it has taken for closed. */
Test(followed, what_a_sandbox_does_not_let_close_goes_on)
{
	static const char *const steps[] = {
		"ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent",
		"ESTABLISHED -> CLOSE_WAIT: read() = 0, the peer has closed",
		"CLOSE_WAIT -> LAST_ACK: close() = 0, FIN sent",
		"FIN_WAIT_2 -> TIME_WAIT: read() = 0, the peer has closed too",
		"LISTEN -> CLOSED: close() = 0, no longer listening",
	};
	struct run run;

	cr_assert_eq(run_all(&run, false, NULL,
			     RUN("-v", run_program("exits"),
				 "close_range_that_a_sandbox_refuses_closes_"
				 "nothing")),
		     0, "%s", run_errors(&run));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		cr_expect(strstr(run_errors(&run), steps[i]), "no `%s` in:\n%s",
			  steps[i], run.text);
	run_end(&run);
}

Test(followed, open_ends_in_another_network_namespace_are_a_blind_spot)
{
	struct run run;

	needs_root();
	run_start(&run, false, NULL,
		  RUN("unshare", "-n", "/bin/sh", "-c",
		      "ip link set lo up; exec \"$0\" lives",
		      run_program("tree")));
	cr_assert(run_wait_output(&run, "ready "));
	kill(atoi(strstr(run_output(&run), "ready ") + 6), SIGKILL);
	cr_expect_eq(run_wait(&run), 137);
	cr_expect(strstr(run_errors(&run),
			 "3 sockets in another network namespace were not "
			 "followed beyond the end of their process"),
		  "%s", run.text);
	cr_expect(strstr(run.text, "incomplete"), "%s", run.text);
	run_end(&run);
}
