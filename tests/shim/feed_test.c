/*
 * The option by which the command hands its ring on, with anything in it: the
 * program runs as without, and the library tells what it has to tell as text.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/handout.h"
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
	static const char *const values[] = {
		"x",
		":",
		":12",
		"/tmp",
		"/tmp:",
		"/tmp:x",
		"/no/such:12",
		"/no/such:12,",
		"/no/such:12,1",
		"/no/such:12,1,x",
		"/no/such:12,1,2",
		"/no/such:12,1,2,3",
		"/no/such:12,ffffffffffffffffff,2",
	};
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

/* Answers whoever asks, with this descriptor, until it is killed. */
static void answer_with(int socket, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct sockaddr_un asker;
	uint64_t key;
	int32_t pid = 1;

	for (;;) {
		socklen_t length = sizeof(asker);
		struct iovec part = { &pid, sizeof(pid) };
		struct msghdr message = { .msg_name = &asker,
					  .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

		if (recvfrom(socket, &key, sizeof(key), 0,
			     (struct sockaddr *)&asker, &length) < 0)
			_exit(1);
		message.msg_namelen = length;
		*rights = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
					    .cmsg_type = SCM_RIGHTS,
					    .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
		if (sendmsg(socket, &message, 0) < 0)
			_exit(1);
	}
}

/* It might be cut short while the program writes into it. */
Test(feed, ring_that_is_handed_out_unsealed_is_none)
{
	struct ring header = { .magic = RING_MAGIC,
			       .version = RING_VERSION,
			       .tables = RING_TABLES,
			       .slot_count = 64,
			       .run = 0x12 };
	size_t size = RING_SLOTS_AT + 64 * sizeof(struct ring_slot);
	uint64_t name = (uint64_t)getpid() << 32;
	int fd = memfd_create("ring", MFD_CLOEXEC);
	int answers = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	socklen_t length = handout_address(&address, name);
	char value[100];
	pid_t stranger;

	cr_assert_eq(write(fd, &header, sizeof(header)), sizeof(header));
	cr_assert_eq(ftruncate(fd, (off_t)size), 0);
	cr_assert_eq(bind(answers, (struct sockaddr *)&address, length), 0);
	stranger = fork();
	if (stranger == 0)
		answer_with(answers, fd);
	snprintf(value, sizeof(value), "/no/such:12,%llx,2",
		 (unsigned long long)name);
	check_ring(value);
	cr_expect_eq(waitpid(stranger, NULL, WNOHANG), 0);
	kill(stranger, SIGKILL);
	waitpid(stranger, NULL, 0);
	cr_assert_eq(pread(fd, &header, sizeof(header), 0), sizeof(header));
	cr_expect_eq(atomic_load(&header.reserved), 0);
	close(answers);
	close(fd);
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
