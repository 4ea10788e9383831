/*
 * Hosts of many kinds: sanitizers, C++, static, privileged, and libraries that
 * are preloaded beside ours.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/expect.h"
#include "support/log.h"

static const char *preload(const char *format, const char *other)
{
	static char text[1024];
	char both[900];

	snprintf(both, sizeof(both), "%s:%s",
		 strcmp(format, "before") == 0 ? other : run_library(),
		 strcmp(format, "before") == 0 ? run_library() : other);
	snprintf(text, sizeof(text), "LD_PRELOAD=%s", both);
	return text;
}

Test(host, another_library_uses_sockets_in_its_constructor)
{
	const char *const orders[] = { "before", "after" };

	for (int i = 0; i < 2; i++) {
		const char *const environment[] = {
			preload(orders[i], run_program("libearly.so")), NULL
		};
		struct run run;

		cr_expect_eq(run_all(&run, true, environment,
				     ARGV(run_program("calls"), "read")),
			     0, "%s: %s", orders[i], run_errors(&run));
		cr_expect(expect_log(&run));
		run_end(&run);
	}
}

/* Of what was found too early to be told nothing is taken for told. */
Test(host, another_library_leaves_a_connection_in_its_constructor)
{
	const char *const environment[] = { preload("after",
						    run_program("libleaks.so")),
					    "TCPSHADOW_STACKS=off", NULL };
	struct run run;

	cr_expect_eq(run_all(&run, true, environment,
			     ARGV(run_example("double-close/bad"))),
		     0, "%s", run_errors(&run));
	cr_expect_eq(log_findings(run_log(&run), "close-wait-leak"), 1, "%s",
		     run.text);
	cr_expect_eq(log_findings(run.text, "double-close"), 1, "%s", run.text);
	cr_expect_null(strstr(run.text, "again: "), "%s", run.text);
	run_end(&run);
}

Test(host, cpp_destructors_run_and_exceptions_are_caught)
{
	static const char *const all[] = { "TCPSHADOW_STACKS=all", NULL };
	struct run plain;
	struct run shadowed;
	char *expected;

	cr_assert_eq(run_all(&plain, false, NULL, ARGV(run_program("throws"))),
		     0);
	cr_assert_eq(run_all(&shadowed, true, all, ARGV(run_program("throws"))),
		     0);
	expected = strdup(run_output(&plain));
	cr_expect(strstr(expected, "destroyed outer"));
	cr_expect(strstr(expected, "caught thrown"));
	cr_expect_str_eq(run_output(&shadowed), expected);
	cr_expect(strstr(run_log(&shadowed), " LISTEN -> CLOSED: close()"));
	free(expected);
	run_end(&plain);
	run_end(&shadowed);
}

Test(host, module_loaded_later_keeps_its_unwinder)
{
	struct run run;

	cr_expect_eq(run_all(&run, true, NULL,
			     ARGV(run_program("loads"),
				  run_program("libplugin.so"))),
		     0, "%s", run_errors(&run));
	cr_expect_str_eq(run_output(&run), "caught thrown in the plugin\n1\n");
	cr_expect_eq(log_findings(run_log(&run), "double-close"), 1);
	run_end(&run);
}

/* An unwinder that cannot be loaded: the place of the call is what is left. */
Test(host, without_an_unwinder_findings_have_one_frame)
{
	char folder[] = "/tmp/tcpshadow-host-XXXXXX";
	char path[100];
	char variable[100];
	struct run run;
	FILE *file;

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/libgcc_s.so.1", folder);
	file = fopen(path, "w");
	fputs("no library", file);
	fclose(file);
	snprintf(variable, sizeof(variable), "LD_LIBRARY_PATH=%s", folder);
	cr_expect_eq(run_all(&run, true, (const char *[]){ variable, NULL },
			     ARGV(run_example("double-close/bad"))),
		     0, "%s", run_errors(&run));
	cr_expect(strstr(log_finding(run_log(&run), "double-close"), "#0 bad+"),
		  "%s", run.text);
	cr_expect_null(strstr(log_finding(run.text, "double-close"), "#1 "));
	unlink(path);
	rmdir(folder);
	run_end(&run);
}

Test(host, static_program_runs_and_nothing_is_seen)
{
	struct run run;

	cr_expect_eq(run_all(&run, true, NULL, ARGV(run_program("static"))), 0);
	cr_expect_str_eq(run_output(&run), "3 0\n");
	cr_expect_str_eq(run_log(&run), "");
	run_end(&run);
}

/* The path of gcc's AddressSanitizer runtime; false when there is none. */
static bool asan_runtime(char *path, size_t size)
{
	FILE *stream = popen("gcc -print-file-name=libasan.so", "r");
	char name[512] = "";
	char *real;

	if (stream && fgets(name, sizeof(name), stream))
		name[strcspn(name, "\n")] = '\0';
	if (stream)
		pclose(stream);
	/* The development link is a linker script or a link. */
	real = realpath(name, NULL);
	snprintf(path, size, "%s", real ? real : "");
	free(real);
	return path[0] != '\0';
}

Test(host, gcc_asan_with_its_runtime_first)
{
	char runtime[600];
	struct run run;

	cr_assert(asan_runtime(runtime, sizeof(runtime)));
	cr_expect_eq(
		run_all(&run, true,
			(const char *[]){ preload("before", runtime), NULL },
			ARGV(run_program("asan"))),
		0, "%s", run_errors(&run));
	cr_expect(expect_log(&run));
	run_end(&run);
}

Test(host, gcc_asan_told_not_to_mind_the_order)
{
	static const char *const environment[] = {
		"ASAN_OPTIONS=verify_asan_link_order=0", NULL
	};
	struct run run;

	cr_expect_eq(run_all(&run, true, environment,
			     ARGV(run_program("asan"))),
		     0, "%s", run_errors(&run));
	cr_expect(expect_log(&run));
	run_end(&run);
}

/* A program of tests/programs, as NAME-clang, with ASan. */
static void build_with_clang(const char *name)
{
	char command[1400];
	struct run build;

	if (access("/usr/bin/clang", X_OK) < 0)
		cr_skip_test("clang is not installed");
	snprintf(command, sizeof(command),
		 "clang -D_GNU_SOURCE -g -pthread -fsanitize=address -o "
		 "%s-clang %s/tests/programs/%s.c",
		 run_program(name), getenv("TCPSHADOW_SOURCE"), name);
	cr_assert_eq(run_all(&build, false, NULL,
			     ARGV("/bin/sh", "-c", command)),
		     0, "%s", run_errors(&build));
	run_end(&build);
}

Test(host, clang_asan_has_its_runtime_inside)
{
	struct run run;

	build_with_clang("asan");
	cr_expect_eq(run_all(&run, true, NULL, ARGV(run_program("asan-clang"))),
		     0, "%s", run_errors(&run));
	cr_expect(expect_log(&run));
	run_end(&run);
}

/* The call of accept() comes from the sanitizer's own. */
Test(host, sanitizers_do_not_hide_who_made_a_socket)
{
	struct run run;

	build_with_clang("left");
	cr_expect_eq(run_all(&run, false, NULL,
			     ARGV(run_command(), "run",
				  run_program("left-clang"), "leaks", "2")),
		     0, "%s", run_errors(&run));
	cr_expect(strstr(run_errors(&run), " known_accept ("), "%s", run.text);
	run_end(&run);
}

/* The loader leaves the library out; the program must not notice. */
Test(host, setuid_program_runs_without_the_library)
{
	char path[] = "/tmp/tcpshadow-setuid-XXXXXX";
	char command[400];
	struct run run;
	int fd;

	if (geteuid() != 0)
		cr_skip_test("needs root to make a setuid program");
	fd = mkstemp(path);
	cr_assert(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command),
		 "cp %s %s && chmod 4755 %s && exec setpriv --reuid 65534 "
		 "--clear-groups %s socketpair",
		 run_program("calls"), path, path, path);
	cr_expect_eq(run_all(&run, true, NULL, ARGV("/bin/sh", "-c", command)),
		     0, "%s", run_errors(&run));
	cr_expect_eq(log_errors(run_log(&run)), 0);
	unlink(path);
	run_end(&run);
}

Test(host, program_without_an_environment_still_runs)
{
	struct run run;

	cr_expect_eq(run_all(&run, true, NULL,
			     ARGV("/usr/bin/env", "-i", run_program("calls"),
				  "read")),
		     0);
	cr_expect_str_eq(run_log(&run), "");
	run_end(&run);
}
