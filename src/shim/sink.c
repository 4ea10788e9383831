#include "shim/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <asm/ioctls.h>

#include "kernel/borrow.h"
#include "kernel/raw.h"
#include "kernel/socket.h"
#include "model/text.h"
#include "shim/process.h"
#include "shim/settings.h"

/* Hooks may run on small stacks: a longer name is refused. */
enum { FILE_NAME_SIZE = 1024 };

/* The devices in memory: /dev/null, /dev/full and their kin (mem.c). */
enum { MEMORY = 1 };

enum destination { TO_NOTHING, TO_STDERR, TO_FILE };

static enum destination destination;
static bool terminal;
static bool plain; /* a device that neither blocks nor raises a signal */
static dev_t stderr_device;
static ino_t stderr_inode;
static char file_pattern[FILE_NAME_SIZE];
static _Atomic unsigned int lost;

static long raw_fstat(int fd, struct stat *status)
{
	/* glibc's struct stat is the kernel's on the machines of raw.h. */
	return raw_call3(SYS_fstat, fd, (long)status, 0);
}

/* Relative names mean the directory of the start: daemons change theirs. */
static void set_file(const char *name)
{
	struct text path;
	char directory[PATH_MAX];

	text_begin(&path, file_pattern, sizeof(file_pattern));
	if (name[0] != '/' &&
	    raw_call3(SYS_getcwd, (long)directory, sizeof(directory), 0) > 0) {
		text_add(&path, directory);
		text_add(&path, "/");
	}
	text_add(&path, name);
	destination = TO_FILE;
}

static bool stderr_usable(struct stat *status)
{
	if (raw_fstat(2, status) < 0)
		return false;
	return !S_ISSOCK(status->st_mode) ||
	       kernel_socket_kind(2) == KERNEL_OTHER;
}

void sink_start(void)
{
	struct stat status;
	struct termios mode;

	destination = TO_NOTHING;
	terminal = false;
	if (strcmp(settings.log, "off") == 0)
		return;
	if (strcmp(settings.log, "stderr") != 0) {
		/* The environment of a privileged program is not trusted. */
		if (!getauxval(AT_SECURE))
			set_file(settings.log);
		return;
	}
	if (!stderr_usable(&status))
		return;
	stderr_device = status.st_dev;
	stderr_inode = status.st_ino;
	terminal = S_ISCHR(status.st_mode) &&
		   raw_call3(SYS_ioctl, 2, TCGETS, (long)&mode) == 0;
	plain = S_ISCHR(status.st_mode) && major(status.st_rdev) == MEMORY;
	destination = TO_STDERR;
}

bool sink_is_terminal(void)
{
	return terminal;
}

unsigned int sink_take_lost(void)
{
	return atomic_exchange(&lost, 0);
}

static void expand_file(char *path, size_t size)
{
	struct text text;

	text_begin(&text, path, size);
	for (const char *at = file_pattern; *at; at++) {
		if (at[0] == '%' && at[1] == 'p') {
			text_add_number(&text, process_id());
			at++;
			continue;
		}
		text_add_bytes(&text, at, 1);
	}
}

static long open_destination(void)
{
	char path[FILE_NAME_SIZE + 32];
	struct stat status;

	if (destination == TO_FILE) {
		expand_file(path, sizeof(path));
		return raw_call6(SYS_openat, AT_FDCWD, (long)path,
				 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
					 O_NONBLOCK | O_NOCTTY,
				 0644, 0, 0);
	}
	if (raw_fstat(2, &status) < 0 || status.st_dev != stderr_device ||
	    status.st_ino != stderr_inode)
		return -EBADF;
	return 2;
}

/*
 * What a reader of standard error has not yet taken is not waited for longer
 * than this, and after that not at all until there is room again: the host
 * would hang where it never did, for example when its parent reads only after
 * its end.
 */
enum { PATIENCE_MS = 1000, PIPE_PIECE = 4096 /* PIPE_BUF */ };

static bool has_room(int fd)
{
	static _Atomic bool stuck;
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	struct timespec limit = { .tv_sec = PATIENCE_MS / 1000 };
	bool full;

	if (atomic_load(&stuck))
		limit.tv_sec = 0;
	full = raw_call6(SYS_ppoll, (long)&room, 1, (long)&limit, 0, 0, 0) == 0;
	atomic_store(&stuck, full);
	return !full;
}

/* In pieces that a pipe takes at once when it says that it has room. */
static long write_stderr(int fd, const char *text, size_t length)
{
	size_t written = 0;

	while (written < length) {
		size_t piece = length - written;
		long result;

		if (piece > PIPE_PIECE)
			piece = PIPE_PIECE;
		if (!has_room(fd))
			return -EAGAIN;
		result = raw_call3(SYS_write, fd, (long)(text + written),
				   (long)piece);
		if (result < 0)
			return result;
		written += (size_t)result;
	}
	return (long)written;
}

/*
 * With all signals blocked, SIGTTOU among them: a background job's write to its
 * terminal would stop the host. A signal that the write itself earned, and that
 * was not pending before, is taken back.
 */
static void write_unheard(int fd, const char *text, size_t length)
{
	uint64_t earned = 1ULL << (SIGPIPE - 1) | 1ULL << (SIGXFSZ - 1);
	struct timespec now = { .tv_sec = 0 };
	uint64_t pending = 0;
	long written;

	raw_call3(SYS_rt_sigpending, (long)&pending, sizeof(pending), 0);
	written = destination == TO_STDERR
			  ? write_stderr(fd, text, length)
			  : raw_call3(SYS_write, fd, (long)text, (long)length);
	if (written != (long)length)
		atomic_fetch_add(&lost, 1);
	if (written == -EPIPE || written == -EFBIG) {
		earned &= ~pending;
		raw_call6(SYS_rt_sigtimedwait, (long)&earned, 0, (long)&now,
			  sizeof(earned), 0, 0);
	}
}

/*
 * The process has no descriptor left, which is what the text may be about. A
 * child on our memory, with a table of descriptors of its own, gives one of
 * its copies up and writes. It sends no signal, hears none (a handler of the
 * host would run in it), and only __WCLONE waits for it, so the host does not
 * notice.
 */
static void write_from_a_child(const char *text, size_t length)
{
	long child =
		raw_call6(SYS_clone, CLONE_VM | CLONE_VFORK, 0, 0, 0, 0, 0);
	long fd;

	if (child < 0) {
		atomic_fetch_add(&lost, 1);
		return;
	}
	if (child > 0) {
		while (raw_call6(SYS_wait4, child, 0, __WCLONE, 0, 0, 0) ==
		       -EINTR)
			;
		return;
	}
	raw_close(0);
	fd = open_destination();
	if (fd >= 0)
		write_unheard((int)fd, text, length);
	else
		atomic_fetch_add(&lost, 1);
	raw_call3(SYS_exit, 0, 0, 0);
	__builtin_unreachable();
}

static void write_somewhere(const char *text, size_t length)
{
	long fd = open_destination();

	if (fd == -EMFILE) {
		write_from_a_child(text, length);
		return;
	}
	if (fd < 0) {
		atomic_fetch_add(&lost, 1);
		return;
	}
	write_unheard((int)fd, text, length);
	if (destination == TO_FILE)
		raw_close((int)fd);
}

static void write_plain(const char *text, size_t length)
{
	long fd = open_destination();

	if (fd < 0 ||
	    raw_call3(SYS_write, fd, (long)text, (long)length) != (long)length)
		atomic_fetch_add(&lost, 1);
}

void sink_write(const char *text, size_t length)
{
	uint64_t mask;

	if (destination == TO_NOTHING || process_sandboxed())
		return;
	if (destination == TO_STDERR && plain) {
		write_plain(text, length);
		return;
	}
	mask = destination == TO_FILE ? borrow_begin() : raw_block_signals();
	write_somewhere(text, length);
	if (destination == TO_FILE)
		borrow_end(mask);
	else
		raw_restore_signals(mask);
}
