#include "kernel/owners.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "kernel/borrow.h"
#include "kernel/raw.h"
#include "model/text.h"

struct search {
	const uint32_t *inodes;
	unsigned int count;
	bool (*each)(const struct owner *, void *);
	void *argument;
	int unreadable;
	bool denied; /* the links of the process at hand */
	bool done;
	bool limited;
	bool enough;    /* of this process */
	int most;       /* looks at descriptors of a process */
	int looks;      /* ... of this one, until now */
	int all;        /* ... of all */
	uint32_t found; /* the inodes with an owner, a bit each */
	int *processes; /* ascending; of too many the highest */
	int listed;
	int cut;
};

/* Calls visit for every entry of a directory that is a number. */
static long read_numbers(const char *path, struct search *search, int context,
			 void (*visit)(struct search *, int, int))
{
	_Alignas(struct raw_entry) char buffer[1024];
	long directory = raw_call6(SYS_openat, AT_FDCWD, (long)path,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	long got = 0;

	if (directory < 0)
		return directory;
	while (!search->done && !search->enough &&
	       (got = raw_call3(SYS_getdents64, directory, (long)buffer,
				sizeof(buffer))) > 0) {
		for (long at = 0;
		     at < got && !search->done && !search->enough;) {
			const struct raw_entry *entry =
				(const void *)(buffer + at);
			long number = text_number(entry->name);

			at += entry->length;
			if (number >= 0)
				visit(search, context, (int)number);
		}
	}
	raw_close((int)directory);
	return got;
}

/* The same; inside a program, what visit opens itself is not borrowed again. */
static long each_number(const char *path, struct search *search, int context,
			void (*visit)(struct search *, int, int))
{
	uint64_t mask;
	long result;

	if (!search->limited)
		return read_numbers(path, search, context, visit);
	mask = borrow_begin();
	result = read_numbers(path, search, context, visit);
	borrow_end(mask);
	return result;
}

/* What a file of /proc/PID/ begins with; "" and an error: it cannot be read. */
static long read_file(int pid, const char *name, char *buffer,
		      unsigned int size)
{
	char path[32];
	struct text text;
	long fd;
	long got;

	text_begin(&text, path, sizeof(path));
	text_add(&text, "/proc/");
	text_add_number(&text, pid);
	text_add(&text, name);
	fd = raw_call6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC,
		       0, 0, 0);
	got = fd;
	if (fd >= 0) {
		got = raw_call3(SYS_read, fd, (long)buffer, (long)size - 1);
		raw_close((int)fd);
	}
	buffer[got > 0 ? got : 0] = '\0';
	return got;
}

static void read_command(int pid, char *command, unsigned int size)
{
	read_file(pid, "/comm", command, size);
	command[strcspn(command, "\n")] = '\0';
}

void owners_command(int pid, char *command, unsigned int size)
{
	uint64_t mask = borrow_begin();

	read_command(pid, command, size);
	borrow_end(mask);
}

/*
 * A process that ends holds no descriptor, and its files are root's, whoever it
 * was (task_dump_owner()). Not so when only its first thread has ended: fields
 * 9 and 20 of proc_pid_stat(5).
 */
static bool is_dead(int pid)
{
	enum { FLAGS = 9, THREADS = 20, EXITING = 4 /* PF_EXITING */ };
	char stat[512];
	long values[THREADS + 1] = { 0 };
	uint64_t mask = borrow_begin();
	long got = read_file(pid, "/stat", stat, sizeof(stat));
	const char *at;

	borrow_end(mask);
	if (got == -ENOENT || got == -ESRCH)
		return true;
	/* The command, field 2, may hold anything. */
	at = strrchr(stat, ')');
	for (int field = 3; at && field <= THREADS; field++) {
		at = strchr(at + 1, ' ');
		values[field] = at ? text_number(at + 1) : -1;
	}
	return at && (values[FLAGS] & EXITING) && values[THREADS] <= 1;
}

/* While an inode has no owner more is worth the time. */
static bool is_spent(const struct search *search)
{
	bool missing = search->found != (1U << search->count) - 1;

	return search->all >= (missing ? OWNERS_MISSING : OWNERS_ALL);
}

static void visit_descriptor(struct search *search, int pid, int fd)
{
	static const char prefix[] = "socket:[";
	char path[48];
	char target[64];
	struct owner owner = { .pid = pid, .fd = fd };
	struct text text;
	long length;

	if (search->limited &&
	    (search->looks == search->most || is_spent(search))) {
		search->enough = true;
		return;
	}
	search->looks++;
	search->all++;
	text_begin(&text, path, sizeof(path));
	text_add(&text, "/proc/");
	text_add_number(&text, pid);
	text_add(&text, "/fd/");
	text_add_number(&text, fd);
	length = raw_call6(SYS_readlinkat, AT_FDCWD, (long)path, (long)target,
			   sizeof(target) - 1, 0, 0);
	/* Root without CAP_SYS_PTRACE may list the numbers, not follow them. */
	if (length == -EACCES || length == -EPERM)
		search->denied = true;
	if (length < (long)sizeof(prefix))
		return;
	target[length] = '\0';
	if (memcmp(target, prefix, sizeof(prefix) - 1) != 0)
		return;
	for (const char *digit = target + sizeof(prefix) - 1;
	     *digit >= '0' && *digit <= '9'; digit++)
		owner.inode = owner.inode * 10 + (uint32_t)(*digit - '0');
	for (unsigned int i = 0; i < search->count; i++) {
		if (search->inodes[i] != owner.inode)
			continue;
		if (search->limited)
			search->found |= 1U << i;
		read_command(pid, owner.command, sizeof(owner.command));
		search->done = !search->each(&owner, search->argument);
		return;
	}
}

static void visit_process(struct search *search, int unused, int pid)
{
	char path[32];
	struct text text;
	long result;

	(void)unused;
	if (search->limited && is_spent(search)) {
		search->cut++;
		return;
	}
	text_begin(&text, path, sizeof(path));
	text_add(&text, "/proc/");
	text_add_number(&text, pid);
	text_add(&text, "/fd");
	search->denied = false;
	search->looks = 0;
	result = each_number(path, search, pid, visit_descriptor);
	search->cut += search->enough;
	search->enough = false;
	if ((result == -EACCES || result == -EPERM || search->denied) &&
	    !is_dead(pid))
		search->unreadable++;
}

int owners_find(const uint32_t *inodes, unsigned int count,
		bool (*each)(const struct owner *, void *), void *argument)
{
	struct search search = { .inodes = inodes,
				 .count = count,
				 .each = each,
				 .argument = argument };

	each_number("/proc", &search, 0, visit_process);
	return search.unreadable;
}

static void list_process(struct search *search, int unused, int pid)
{
	(void)unused;
	search->processes[search->listed++ % OWNERS_PROCESSES] = pid;
}

/*
 * Whoever holds a socket that is in our way is us, our parent, or young more
 * often than not: the highest ids first.
 */
static void visit_near_ones_first(struct search *search)
{
	int self = (int)raw_call3(SYS_getpid, 0, 0, 0);
	int parent = (int)raw_call3(SYS_getppid, 0, 0, 0);
	int first;

	each_number("/proc", search, 0, list_process);
	first = search->listed > OWNERS_PROCESSES
			? search->listed - OWNERS_PROCESSES
			: 0;
	search->cut += first;
	search->most = OWNERS_SELF;
	visit_process(search, 0, self);
	search->all = 0;
	search->most = OWNERS_EACH;
	if (parent > 0)
		visit_process(search, 0, parent);
	for (int i = search->listed - 1; i >= first && !search->done; i--) {
		int pid = search->processes[i % OWNERS_PROCESSES];

		if (pid != self && pid != parent)
			visit_process(search, 0, pid);
	}
}

int owners_find_some(const uint32_t *inodes, unsigned int count,
		     bool (*each)(const struct owner *, void *), void *argument,
		     void *room, int *cut)
{
	struct search search = { .inodes = inodes,
				 .count = count,
				 .each = each,
				 .argument = argument,
				 .limited = true,
				 .processes = room };

	visit_near_ones_first(&search);
	*cut = search.cut;
	return search.unreadable;
}
