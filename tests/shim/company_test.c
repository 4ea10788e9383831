/*
 * In company: other preloaded libraries before and after ours, modules in other
 * name spaces, and programs that watch the host. What it prints and how it ends
 * stays the same, and the library never loses track.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <glob.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/expect.h"
#include "support/log.h"

static const char *const programs[][2] = {
	{ "torture_numbers", "numbers_reused_while_others_use_them" },
	{ "torture_numbers", "files_and_connections_take_turns" },
	{ "torture_processes", "storm_of_children_from_threads" },
	{ "torture_signals", "sigpipe_handlers_that_write_again" },
	{ "contract_signals", "sigpipe_by_default" },
	{ "contract_signals", "threads_that_open_and_close" },
};

enum { PROGRAM_COUNT = sizeof(programs) / sizeof(programs[0]) };

/* The same with the library in company of `other` as with `other` alone. */
static void beside(const char *other, const char *const *argv)
{
	const char *const orders[2][2] = { { other, run_library() },
					   { run_library(), other } };
	char variable[1400];
	struct run plain;
	char *expected;
	int status;

	snprintf(variable, sizeof(variable), "LD_PRELOAD=%s", other);
	status = run_all(&plain, false, (const char *[]){ variable, NULL },
			 argv);
	expected = strdup(run_output(&plain));
	run_end(&plain);
	for (int i = 0; i < 2; i++) {
		struct run run;

		snprintf(variable, sizeof(variable), "LD_PRELOAD=%s:%s",
			 orders[i][0], orders[i][1]);
		cr_expect_eq(run_all(&run, true,
				     (const char *[]){ variable, NULL }, argv),
			     status, "%s %s: %s", variable, argv[1],
			     run_errors(&run));
		cr_expect_str_eq(run_output(&run), expected, "%s %s", variable,
				 argv[1]);
		cr_expect(expect_log(&run), "%s %s", variable, argv[1]);
		cr_expect(strstr(run_log(&run), "ESTABLISHED"), "%s %s",
			  variable, argv[1]);
		run_end(&run);
	}
	free(expected);
}

/* The first that is installed; the caller frees it. */
static char *find_library(const char *pattern)
{
	glob_t files;
	char *path;

	if (glob(pattern, 0, NULL, &files) != 0)
		cr_skip_test("%s is not installed", pattern);
	path = strdup(files.gl_pathv[0]);
	globfree(&files);
	return path;
}

static void beside_library(const char *pattern)
{
	char *path = find_library(pattern);

	for (int i = 0; i < PROGRAM_COUNT; i++)
		beside(path, ARGV(run_program(programs[i][0]), programs[i][1]));
	free(path);
}

Test(company, of_what_wraps_the_same_calls)
{
	beside(run_program("libcounts.so"),
	       ARGV(run_program("contract"),
		    "reads_and_writes_on_a_connection"));
}

Test(company, of_jemalloc)
{
	beside_library("/usr/lib/*/libjemalloc.so.2");
}

Test(company, of_tcmalloc)
{
	beside_library("/usr/lib/*/libtcmalloc.so.4");
}

/*
 * Else each process makes what it shares, named by its pid, and leaves it
 * behind if it is killed: to be found, with two descriptors less, by the next
 * of that number.
 */
static void share_a_clock(char name[static 64], char variable[static 160])
{
	sem_t *semaphore;
	int fd;

	snprintf(name, 64, "/tcpshadow-%d", (int)getpid());
	sem_unlink(name);
	shm_unlink(name);
	semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
	fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	cr_assert(semaphore != SEM_FAILED && fd >= 0);
	cr_assert_eq(ftruncate(fd, 4096), 0);
	close(fd);
	sem_close(semaphore);
	snprintf(variable, 160, "FAKETIME_SHARED=%s %s", name, name);
	putenv(variable);
}

Test(company, of_libfaketime)
{
	static char variable[] = "FAKETIME=+10d x3";
	static char shared[160];
	static const char library[] = "/usr/lib/*/faketime/libfaketimeMT.so.1";
	char name[64];

	free(find_library(library));
	putenv(variable);
	share_a_clock(name, shared);
	beside_library(library);
	sem_unlink(name);
	shm_unlink(name);
}

static void other_space(const char *how)
{
	const char *const *argv =
		ARGV(run_program("spaces"), how, run_program("libspace.so"));
	struct run plain;
	struct run run;
	char *expected;

	cr_assert_eq(run_all(&plain, false, NULL, argv), 0, "%s",
		     run_errors(&plain));
	expected = strdup(run_output(&plain));
	cr_expect_eq(run_all(&run, true, NULL, argv), 0, "%s",
		     run_errors(&run));
	cr_expect_str_eq(run_output(&run), expected);
	cr_expect(expect_log(&run));
	cr_expect(strstr(run_log(&run), "ESTABLISHED"));
	free(expected);
	run_end(&plain);
	run_end(&run);
}

Test(company, of_a_module_in_a_name_space_of_its_own)
{
	other_space("dlmopen");
}

Test(company, of_a_module_that_binds_deeply)
{
	other_space("deepbind");
}

/*
 * Under a program that watches: LD_PRELOAD is for the host alone. The watcher
 * writes to a file, so that outputs compare.
 */
static void watched(const char *format, const char *program,
		    const char *scenario)
{
	char command[2][2048];
	struct run plain;
	struct run run;
	char *expected;
	int status;

	for (int i = 0; i < 2; i++) {
		char assignment[600] = "NOTHING=1";

		if (i == 1)
			snprintf(assignment, sizeof(assignment),
				 "LD_PRELOAD=%s", run_library());
		snprintf(command[i], sizeof(command[i]), format, assignment,
			 run_program(program), scenario);
	}
	status =
		run_all(&plain, false, NULL, ARGV("/bin/sh", "-c", command[0]));
	expected = strdup(run_output(&plain));
	cr_expect_eq(run_all(&run, true,
			     (const char *[]){ "LD_PRELOAD=", NULL },
			     ARGV("/bin/sh", "-c", command[1])),
		     status, "%s: %s", scenario, run_errors(&run));
	cr_expect_str_eq(run_output(&run), expected, "%s", scenario);
	cr_expect(expect_log(&run), "%s", scenario);
	cr_expect(strstr(run_log(&run), "ESTABLISHED"), "%s", scenario);
	free(expected);
	run_end(&plain);
	run_end(&run);
}

static bool is_installed(const char *path)
{
	return access(path, X_OK) == 0;
}

/*
 * Valgrind makes a fork of a vfork, and delivers a signal that a thread sends
 * to itself a little later: errno inside of a SIGPIPE handler is not compared.
 */
static const char *const watched_programs[][2] = {
	{ "contract_signals", "sigpipe_ignored" },
	{ "contract_signals", "sigpipe_blocked_then_waited_for" },
	{ "contract", "spawned_child_closes_what_is_the_parents" },
	{ "torture_numbers", "number_becomes_a_file" },
	{ "torture_numbers", "thread_parts_its_descriptors" },
};

static void watched_by(const char *path, const char *format)
{
	size_t count = sizeof(watched_programs) / sizeof(watched_programs[0]);

	if (!is_installed(path))
		cr_skip_test("%s is not installed", path);
	for (size_t i = 0; i < count; i++)
		watched(format, watched_programs[i][0], watched_programs[i][1]);
}

Test(company, of_strace)
{
	watched_by("/usr/bin/strace",
		   "exec strace -f -qq -o /dev/null -E %s %s %s");
}

/* SIGPIPE stops the program under gdb: it is told not to mind. */
Test(company, of_gdb)
{
	watched_by("/usr/bin/gdb",
		   "exec gdb -q -batch -nx -ex 'set confirm off' -ex 'set "
		   "debuginfod enabled off' -ex 'handle SIGPIPE nostop noprint "
		   "pass' -ex 'set print thread-events off' -ex 'set "
		   "environment %s' -ex run --args %s %s "
		   "2>/dev/null | grep -a -v -i 'process\\|thread\\|sigpipe'");
}

/* An error of ours would be valgrind's exit status 99. */
Test(company, of_valgrind)
{
	watched_by("/usr/bin/valgrind",
		   "exec env %s valgrind -q --error-exitcode=99 "
		   "--log-file=/dev/null %s %s");
}
