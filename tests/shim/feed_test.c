/*
 * The option by which the command hands its ring on, with anything in it: the
 * program runs as without, and the library tells what it has to tell as text.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring/layout.h"
#include "support/expect.h"
#include "support/log.h"

static void check_ring(const char *value)
{
	char variable[6000];
	struct run run;

	snprintf(variable, sizeof(variable), "TCPSHADOW_RING=%s", value);
	cr_expect_eq(
		run_all(&run, true, ARGV(variable),
			ARGV(run_program("states"), "close_with_unread_data")),
		0, "%s: %s", value, run_errors(&run));
	cr_expect(expect_log(&run), "%s", value);
	cr_expect_eq(log_findings(run_log(&run), "reset-on-close"), 1, "%s: %s",
		     value, run.text);
	run_end(&run);
}

Test(feed, ring_that_is_no_path_and_number_is_none)
{
	static const char *const values[] = { "x",          ":",     ":12",
					      "/tmp",       "/tmp:", "/tmp:x",
					      "/no/such:12" };
	char name[5000];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		check_ring(values[i]);
	memset(name, 'x', sizeof(name) - 1);
	memcpy(name, "/tmp/", 5);
	strcpy(name + sizeof(name) - 4, ":12");
	check_ring(name);
}

Test(feed, ring_that_is_no_regular_file_is_none)
{
	char folder[] = "/tmp/tcpshadow-feed-XXXXXX";
	char fifo[100];
	char value[200];

	cr_assert(mkdtemp(folder));
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	snprintf(value, sizeof(value), "%s:12", folder);
	check_ring(value);
	snprintf(value, sizeof(value), "%s:12", fifo);
	check_ring(value);
	check_ring("/dev/null:12");
	check_ring("/dev/zero:12");
	unlink(fifo);
	rmdir(folder);
}

/* Neither read nor written, whatever it holds. */
static void check_file(off_t size, int filling)
{
	char path[] = "/tmp/tcpshadow-feed-XXXXXX";
	char text[4096];
	char value[100];
	struct stat status;
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	memset(text, filling, sizeof(text));
	if (filling)
		for (off_t at = 0; at < size; at += (off_t)sizeof(text))
			cr_assert_gt(pwrite(fd, text, sizeof(text), at), 0);
	cr_assert_eq(ftruncate(fd, size), 0);
	snprintf(value, sizeof(value), "%s:12", path);
	check_ring(value);
	cr_expect(fstat(fd, &status) == 0 && status.st_size == size);
	for (off_t at = 0; at < size; at += (off_t)sizeof(text)) {
		char now[sizeof(text)];
		ssize_t got = pread(fd, now, sizeof(now), at);

		cr_expect(got > 0 && memcmp(now, text, (size_t)got) == 0);
	}
	close(fd);
	unlink(path);
}

Test(feed, ring_that_is_another_file_is_none)
{
	static const off_t sizes[] = { 0, 1, RING_SLOTS_AT, RING_SLOTS_AT + 64,
				       1 << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_file(sizes[i], 0);
		check_file(sizes[i], 0xff);
	}
}

/* No descriptors to be seen at the start, and no ring to be opened. */
Test(feed, program_without_proc_is_followed)
{
	static const char script[] = "mount -t tmpfs none /proc && exec \"$@\"";
	struct run run;

	if (geteuid() != 0)
		cr_skip_test("needs root for a mount namespace");
	cr_expect_eq(run_all(&run, true, ARGV("TCPSHADOW_RING=/proc/1/fd/9:12"),
			     ARGV("unshare", "-m", "/bin/sh", "-c", script,
				  "sh", run_program("states"),
				  "close_with_unread_data")),
		     0, "%s", run_errors(&run));
	cr_expect(expect_log(&run));
	cr_expect_eq(log_findings(run_log(&run), "reset-on-close"), 1, "%s",
		     run.text);
	run_end(&run);
}
