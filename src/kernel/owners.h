/*
 * Who holds a socket: the processes and descriptors behind an inode.
 *
 * Called by: the explanation of a busy port, the command. Not on the data path:
 * one pass over /proc/PID/fd costs about 30 us a process. Async-signal-safe,
 * allocates nothing, leaves errno alone, holds one descriptor at a time while
 * it runs. Another user's processes are unreadable without privilege.
 */
#ifndef KERNEL_OWNERS_H
#define KERNEL_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

enum { OWNERS_INODES_MAX = 16 };

struct owner {
	uint32_t inode;
	int pid;
	int fd;
	char command[16]; /* /proc/PID/comm: text from outside */
};

/* /proc/PID/comm, "" when it cannot be read. */
void owners_command(int pid, char *command, unsigned int size);

/*
 * Calls each for every descriptor that leads to one of the inodes, until it
 * returns false. Returns the number of processes that could not be read.
 */
int owners_find(const uint32_t *inodes, unsigned int count,
		bool (*each)(const struct owner *, void *), void *argument);

/*
 * The same inside a program that waits for it: 4 us a descriptor, of which a
 * machine may have a million. Begins with the process itself, goes on with its
 * parent and then with the youngest, and looks at the lowest OWNERS_EACH
 * descriptors of each, where listeners are (of the process itself at
 * OWNERS_SELF): at OWNERS_ALL together, at OWNERS_MISSING while there is an
 * inode that nobody is known to hold. *cut is the number of processes of which
 * that was not all. At most OWNERS_INODES_MAX inodes; room: OWNERS_ROOM bytes
 * to work in.
 */
enum {
	OWNERS_EACH = 256,
	OWNERS_SELF = 4096,
	OWNERS_ALL = 4096,
	OWNERS_MISSING = 1 << 15,
	OWNERS_PROCESSES = 4096, /* the youngest are looked at */
	OWNERS_ROOM = OWNERS_PROCESSES * sizeof(int),
};
int owners_find_some(const uint32_t *inodes, unsigned int count,
		     bool (*each)(const struct owner *, void *), void *argument,
		     void *room, int *cut);

#endif
