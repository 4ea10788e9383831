#include "shim/reach.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "kernel/filters.h"
#include "kernel/raw.h"
#include "model/text.h"
#include "ring/append.h"
#include "ring/handout.h"
#include "shim/process.h"

enum { PATH_SIZE = 512, PATIENCE = 2 /* s */ };

struct way {
	char path[PATH_SIZE];
	uint64_t run;
	uint64_t name; /* 0: nobody to ask */
	uint64_t key;
	uint64_t filters; /* of seccomp that the command is under itself */
};

/* As the command has told it; 0: it has not. */
static _Atomic int told_pid;

/* The instance of /proc that shows the command's PID namespace; 0: none. */
static _Atomic uint64_t proc_device;

static bool read_hexadecimal(const char **at, uint64_t *number)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;

	*number = 0;
	for (; **at && **at != ','; ++*at) {
		digit = strchr(digits, **at);
		if (!digit)
			return false;
		*number = *number << 4 | (uint64_t)(digit - digits);
	}
	if (**at == ',')
		++*at;
	return true;
}

static bool read_option(const char *option, struct way *way)
{
	const char *colon = strrchr(option, ':');
	size_t length = colon ? (size_t)(colon - option) : 0;
	const char *at;

	if (length == 0 || length >= sizeof(way->path))
		return false;
	memcpy(way->path, option, length);
	way->path[length] = '\0';
	at = colon + 1;
	return read_hexadecimal(&at, &way->run) &&
	       read_hexadecimal(&at, &way->name) &&
	       read_hexadecimal(&at, &way->key) &&
	       read_hexadecimal(&at, &way->filters) && !*at;
}

/* Closes the descriptor. */
static struct ring *map_ring(long fd, uint64_t run, uint32_t *slots)
{
	struct ring *mapped;
	struct stat status;
	long at = -1;

	if (raw_call3(SYS_fstat, fd, (long)&status, 0) == 0 &&
	    S_ISREG(status.st_mode) && status.st_size > RING_SLOTS_AT)
		at = raw_call6(SYS_mmap, 0, status.st_size,
			       PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	raw_close((int)fd);
	if (at < 0 && at > -4096)
		return NULL;
	mapped = (struct ring *)at;
	*slots = ring_slots(mapped, (size_t)status.st_size, run);
	if (*slots > 0)
		return mapped;
	raw_call3(SYS_munmap, at, status.st_size, 0);
	return NULL;
}

static struct ring *map_by_path(const struct way *way, uint32_t *slots)
{
	long fd = raw_call6(SYS_openat, AT_FDCWD, (long)way->path,
			    O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0,
			    0);

	return fd < 0 ? NULL : map_ring(fd, way->run, slots);
}

/* The one descriptor that the answer has room for; -1: it carries none. */
static int receive_ring(int fd, int32_t *pid)
{
	_Alignas(struct cmsghdr) char control[CMSG_LEN(sizeof(int))];
	struct iovec part = { pid, sizeof(*pid) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *rights;
	long seals;
	int ring;

	if (raw_call3(SYS_recvmsg, fd, (long)&message, MSG_CMSG_CLOEXEC) < 0)
		return -1;
	rights = CMSG_FIRSTHDR(&message);
	if (!rights || rights->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&ring, CMSG_DATA(rights), sizeof(ring));
	/* Nobody may cut it short: the next access would be a SIGBUS. */
	seals = raw_call3(SYS_fcntl, ring, F_GET_SEALS, 0);
	if (seals >= 0 && seals & F_SEAL_SHRINK)
		return ring;
	raw_close(ring);
	return -1;
}

/* With an address to be answered at; connected, so that nobody else answers. */
static bool connect_to(int fd, uint64_t name)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	unsigned int length;

	raw_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		       sizeof(patience));
	raw_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience));
	if (raw_call3(SYS_bind, fd, (long)&address,
		      sizeof(address.sun_family)) < 0)
		return false;
	length = handout_address(&address, name);
	return raw_call3(SYS_connect, fd, (long)&address, length) == 0;
}

static struct ring *map_by_asking(const struct way *way, uint32_t *slots,
				  int32_t *pid)
{
	struct ring *mapped = NULL;
	long fd = raw_call3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ring = -1;

	if (fd < 0)
		return NULL;
	if (connect_to((int)fd, way->name) &&
	    raw_call6(SYS_sendto, fd, (long)&way->key, sizeof(way->key),
		      MSG_NOSIGNAL, 0, 0) == sizeof(way->key))
		ring = receive_ring((int)fd, pid);
	if (ring >= 0)
		mapped = map_ring(ring, way->run, slots);
	raw_close((int)fd);
	return mapped;
}

/*
 * A filter that came into force in the run, before this program, may kill it
 * for a socket that it does not make itself.
 */
static bool may_ask(const struct way *way)
{
	return way->name && filters_in_force() <= (int)way->filters;
}

static int pid_in_proc(void)
{
	char target[16];
	long length = raw_readlink("/proc/self", target, sizeof(target));
	int pid = 0;

	for (long i = 0; i < length; i++)
		pid = pid * 10 + (target[i] - '0');
	return pid;
}

static uint64_t device_of_proc(void)
{
	struct stat status;

	if (raw_call6(SYS_newfstatat, AT_FDCWD, (long)"/proc/self",
		      (long)&status, AT_SYMLINK_NOFOLLOW, 0, 0) < 0)
		return 0;
	return status.st_dev;
}

struct ring *reach_ring(const char *option, uint32_t *slots)
{
	struct ring *mapped;
	struct way way;
	int32_t pid = 0;
	uint64_t mask;

	if (!read_option(option, &way))
		return NULL;
	mask = raw_block_signals();
	mapped = map_by_path(&way, slots);
	/* The path led to the command's descriptor: it is of its /proc. */
	if (mapped)
		pid = pid_in_proc();
	else if (may_ask(&way))
		mapped = map_by_asking(&way, slots, &pid);
	raw_restore_signals(mask);
	atomic_store(&told_pid, pid);
	if (pid && pid_in_proc() == pid)
		atomic_store(&proc_device, device_of_proc());
	return mapped;
}

int reach_pid(void)
{
	uint64_t device = atomic_load(&proc_device);

	if (atomic_load(&told_pid) || !device || process_sandboxed())
		return atomic_load(&told_pid);
	/* A container may have mounted its own since. */
	return device_of_proc() == device ? pid_in_proc() : 0;
}

void reach_forked(void)
{
	atomic_store(&told_pid, 0);
}

uint64_t reach_namespace(const char *name)
{
	char path[32];
	struct text text;
	struct stat status;

	text_begin(&text, path, sizeof(path));
	text_add(&text, "/proc/self/ns/");
	text_add(&text, name);
	if (raw_call6(SYS_newfstatat, AT_FDCWD, (long)path, (long)&status, 0, 0,
		      0) < 0)
		return 0;
	return status.st_ino;
}
