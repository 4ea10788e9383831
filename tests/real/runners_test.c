/*
 * The command under the test runners that people have. For each a small project
 * (tests/real/runners) with a test that leaks a connection and one that does
 * not, and nothing in it that knows of tcpshadow: the first has to fail with
 * the status that was asked for, and a report that names its line; the second
 * has to pass.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/net.h"
#include "support/run.h"

enum { TEXT_SIZE = 1 << 20, NAME_SIZE = 256 };

static char folder[] = "/tmp/tcpshadow-runners-XXXXXX";
static char *text; /* what the last script has printed */

static const char *in_source(const char *name)
{
	static char path[NAME_SIZE + 512];
	const char *source = getenv("TCPSHADOW_SOURCE");

	snprintf(path, sizeof(path), "%s/tests/real/runners/%s",
		 source ? source : ".", name);
	return path;
}

static void begin(void)
{
	char command[1024];

	text = calloc(1, TEXT_SIZE);
	cr_assert(text && mkdtemp(folder));
	snprintf(command, sizeof(command), "cp -r %s. %s", in_source(""),
		 folder);
	cr_assert_eq(system(command), 0);
	unsetenv("LD_PRELOAD");
	unsetenv("MAKEFLAGS");
	unsetenv("MAKELEVEL");
	setenv("TCPSHADOW", run_command(), 1);
	snprintf(command, sizeof(command), "%s run --error-exitcode=9 -q",
		 run_command());
	setenv("WRAPPER", command, 1);
	setenv("HOME", folder, 0);
}

static void end(void)
{
	char command[256];

	/* Go's cache is read-only. */
	snprintf(command, sizeof(command), "chmod -R u+w %s; rm -rf %s", folder,
		 folder);
	(void)!system(command);
	free(text);
}

TestSuite(runners, .init = begin, .fini = end);

/* In the project's folder; its status, or 128 and the signal. */
static int script(const char *project, const char *commands)
{
	char command[4096];
	size_t used = 0;
	size_t got;
	FILE *stream;
	int status;

	snprintf(command, sizeof(command), "cd %s/%s && { %s; } 2>&1", folder,
		 project, commands);
	stream = popen(command, "r");
	cr_assert(stream);
	while (used < TEXT_SIZE - 1 &&
	       (got = fread(text + used, 1, TEXT_SIZE - 1 - used, stream)) > 0)
		used += got;
	text[used] = '\0';
	status = pclose(stream);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What does not even say its version is not installed (rustup has stubs). */
static void need(const char *commands)
{
	if (script(".", commands) != 0)
		cr_skip_test("does not work here: %s", commands);
}

static void need_tools(const char *tools)
{
	char commands[NAME_SIZE];

	snprintf(commands, sizeof(commands),
		 "for tool in %s; do command -v $tool || exit 1; done", tools);
	if (script(".", commands) != 0)
		cr_skip_test("not installed: %s", tools);
}

static void expect(const char *wanted)
{
	cr_expect(strstr(text, wanted), "no `%s` in:\n%s", wanted, text);
}

static void refuse(const char *unwanted)
{
	cr_expect(!strstr(text, unwanted), "`%s` in:\n%s", unwanted, text);
}

/* "leaking.c:9)": the line of the source that has the mark. */
static void expect_line(const char *source, const char *mark)
{
	const char *base = strrchr(source, '/');
	FILE *stream = fopen(in_source(source), "r");
	char line[NAME_SIZE];
	char wanted[NAME_SIZE];
	int number = 0;

	cr_assert(stream);
	do {
		number++;
	} while (fgets(line, sizeof(line), stream) && !strstr(line, mark));
	cr_assert(!feof(stream), "no %s in %s", mark, source);
	fclose(stream);
	snprintf(wanted, sizeof(wanted), "%s:%d)", base ? base + 1 : source,
		 number);
	expect(wanted);
}

static void expect_the_leak(void)
{
	expect("[close-wait-leak]");
	expect_line("leaking.c", "/* here */");
}

Test(runners, ctest)
{
	need_tools("cmake ctest");
	cr_assert_eq(script("ctest",
			    "cmake -S . -B build "
			    "-DCMAKE_CROSSCOMPILING_EMULATOR=\"$TCPSHADOW;run;"
			    "--error-exitcode=9;-q\" && cmake --build build"),
		     0, "%s", text);
	cr_expect_eq(script("ctest", "ctest --test-dir build -V"), 8);
	expect("1 tests failed out of 2");
	expect("leaking (Failed)");
	refuse("tidy (Failed)");
	expect_the_leak();
}

Test(runners, meson)
{
	need_tools("meson ninja");
	/* It may not reach above its own folder. */
	cr_assert_eq(script("meson", "cp ../*.[ch] . && "
				     "sed -i \"s|'..' / ||\" meson.build && "
				     "meson setup build && ninja -C build"),
		     0, "%s", text);
	cr_expect_eq(script("meson", "meson test -C build --print-errorlogs "
				     "--wrap=\"$WRAPPER\""),
		     1);
	expect("exit status 9");
	expect("Fail:               1");
	expect("Ok:                 1");
	expect_the_leak();
}

Test(runners, automake)
{
	need_tools("autoreconf automake");
	cr_assert_eq(script("automake",
			    "cp ../*.[ch] . && autoreconf -i && ./configure"),
		     0, "%s", text);
	cr_expect_neq(script("automake",
			     "make check LOG_COMPILER=\"$TCPSHADOW\" "
			     "LOG_FLAGS='run --error-exitcode=9 -q'"),
		      0);
	expect("PASS: tidy");
	expect("FAIL: leaking");
	cr_expect_eq(script("automake", "cat test-suite.log"), 0);
	expect("exit status: 9");
	expect_the_leak();
}

Test(runners, plain_make_with_a_wrapper)
{
	cr_expect_eq(script("make", "make -k check WRAPPER=\"$WRAPPER\""), 2);
	expect("check-leaking] Error 9");
	refuse("check-tidy] Error");
	expect_the_leak();
}

Test(runners, plain_make_as_a_whole)
{
	cr_expect_eq(script("make", "$WRAPPER make check"), 9, "%s", text);
	expect_the_leak();
	cr_expect_eq(script("make", "$WRAPPER make check TESTS=tidy"), 0, "%s",
		     text);
	refuse("tcpshadow:");
}

Test(runners, bats)
{
	need_tools("bats");
	cr_expect_eq(script("bats", "bats leaks.bats"), 1);
	expect("ok 1 tidy");
	expect("not ok 2 leaking");
	expect("failed with status 9");
	expect_the_leak();
}

Test(runners, cargo)
{
	need("cargo --version && rustc --version");
	cr_assert_eq(script("cargo", "export CARGO_NET_OFFLINE=true; "
				     "cargo test --no-run"),
		     0, "%s", text);
	cr_expect_eq(script("cargo",
			    "host=$(rustc -vV | sed -n 's/^host: //p' | "
			    "tr a-z- A-Z_); "
			    "export CARGO_TARGET_${host}_RUNNER=\"$WRAPPER\"; "
			    "cargo test --offline --test clean || exit 1; "
			    "cargo test --offline --test leaking -- "
			    "--test-threads=1; true"),
		     0, "%s", text);
	expect("test leaking ... ok");
	expect("exit status: 9");
	expect("[close-wait-leak]");
	/* Where in the standard library, and on whose behalf. */
	cr_expect_eq(script("cargo",
			    "binary=$(ls -t target/debug/deps/leaking-* | "
			    "grep -v '\\.d$' | head -1); "
			    "$WRAPPER --stacks=all \"$binary\" "
			    "--test-threads=1"),
		     9);
	expect_line("cargo/src/lib.rs", "listener.accept()");
	expect_line("cargo/tests/leaking.rs", "deserted()");
}

/* In Python the frames are the interpreter's: the rule is told, no line. */
Test(runners, unittest)
{
	need_tools("/usr/bin/python3");
	cr_expect_eq(script("python", "$WRAPPER /usr/bin/python3 -m unittest "
				      "test_clean"),
		     0, "%s", text);
	refuse("tcpshadow:");
	cr_expect_eq(script("python", "$WRAPPER /usr/bin/python3 -m unittest "
				      "test_leaking"),
		     9, "%s", text);
	expect("OK");
	expect("[close-wait-leak]");
}

Test(runners, pytest)
{
	need_tools("/usr/bin/python3");
	need("/usr/bin/python3 -c 'import pytest'");
	cr_expect_eq(script("python", "$WRAPPER /usr/bin/python3 -m pytest "
				      "-p no:cacheprovider test_clean.py"),
		     0, "%s", text);
	refuse("tcpshadow:");
	cr_expect_eq(script("python", "$WRAPPER /usr/bin/python3 -m pytest "
				      "-p no:cacheprovider test_leaking.py"),
		     9, "%s", text);
	expect("1 passed");
	expect("[close-wait-leak]");
}

/* Go makes its system calls itself: that is said, and it is no clean result. */
static void check_go(const char *cgo)
{
	char commands[1024];

	snprintf(commands, sizeof(commands),
		 "export CGO_ENABLED=%s GOCACHE=$PWD/cache GOFLAGS=-mod=mod "
		 "GOTOOLCHAIN=local GOPROXY=off; "
		 "go test -v -exec \"$TCPSHADOW run --fail-on=note "
		 "--error-exitcode=9 --junit=$PWD/report.xml\" ./...; "
		 "echo status $?; grep -c '<skipped\\|<failure' report.xml",
		 cgo);
	script("go", commands);
	expect("PASS: TestLeaking");
	expect("[blind-spot]");
	expect("this picture is incomplete");
	/* go shows no status of a test; its own is 1. */
	expect("FAIL	example.invalid/runners");
	expect("status 1\n1\n");
}

Test(runners, go_without_cgo)
{
	need("go version");
	check_go("0");
	expect("is statically linked");
}

Test(runners, go_with_cgo)
{
	need("go version && cc --version");
	check_go("1");
	expect("is a Go program");
}

/* The second test's trouble is the first one's doing. */
Test(runners, a_port_in_use_is_explained_by_the_stacks_of_an_earlier_test)
{
	const char *holder;

	if (!net_isolate())
		cr_skip_test("a network of its own needs root");
	cr_expect_eq(script("port", "$WRAPPER make check"), 2, "%s", text);
	holder = strstr(text, "holder: time-wait TIME_WAIT 127.0.0.1:5188");
	cr_assert(holder, "%s", text);
	holder = strstr(holder, "  accepted by pid ");
	cr_assert(holder && strstr(holder, " (first):"), "%s", text);
	expect("  closed by pid ");
	expect_line("port/first.c", "/* made */");
	expect_line("port/first.c", "/* closed */");
	expect_line("port/second.c", "need(bind(");
}

Test(runners, a_port_that_an_earlier_test_left_open_is_explained_too)
{
	if (!net_isolate())
		cr_skip_test("a network of its own needs root");
	cr_assert_eq(script("port", "sed -i 's/close(server).*/"
				    "shutdown(server, SHUT_WR);/' first.c && "
				    "make first second"),
		     0, "%s", text);
	cr_expect_neq(script("port", "$WRAPPER sh -c './first; ./second'"), 0);
	expect("holder: time-wait TIME_WAIT 127.0.0.1:5188");
	expect("  not closed before pid ");
	expect_line("port/first.c", "/* made */");
}

/* No step shows the close of a connection whose FIN went out before. */
Test(runners, a_close_after_a_shutdown_is_told_too)
{
	if (!net_isolate())
		cr_skip_test("a network of its own needs root");
	cr_assert_eq(script("port", "sed -i 's/close(server)/shutdown(server, "
				    "SHUT_WR), close(server)/' first.c && "
				    "make first second"),
		     0, "%s", text);
	cr_expect_neq(script("port", "$WRAPPER sh -c './first; ./second'"), 0);
	expect("holder: time-wait TIME_WAIT 127.0.0.1:5188");
	expect("  closed by pid ");
	expect_line("port/first.c", "/* closed */");
}
