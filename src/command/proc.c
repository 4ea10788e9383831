#include "command/proc.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/say.h"

/* A command line may have megabytes; this much of it is for people. */
enum { ARGUMENTS_SIZE = 256 };

static size_t read_file(pid_t pid, const char *name, char *buffer, size_t size)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, buffer, size - 1);
	close(fd);
	buffer[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

/* Clock ticks between the start of the system and that of the process. */
static bool read_start(pid_t pid, unsigned long long *ticks)
{
	char stat[1024];
	const char *at;

	if (read_file(pid, "stat", stat, sizeof(stat)) == 0)
		return false;
	/* The name may hold spaces and brackets: field 3 follows the last. */
	at = strrchr(stat, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %llu", ticks) == 1;
}

static time_t time_of_boot(void)
{
	struct timespec now;
	struct timespec running;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &running);
	return now.tv_sec - running.tv_sec -
	       (now.tv_nsec < running.tv_nsec ? 1 : 0);
}

static char *read_arguments(pid_t pid)
{
	char line[ARGUMENTS_SIZE];
	size_t length = read_file(pid, "cmdline", line, sizeof(line));
	bool cut = length == sizeof(line) - 1;

	while (length > 0 && line[length - 1] == '\0')
		length--;
	for (size_t i = 0; i < length; i++) {
		if (line[i] == '\0')
			line[i] = ' ';
	}
	line[length] = '\0';
	if (cut)
		strcpy(line + sizeof(line) - 4, "...");
	return say_printable(line);
}

void proc_read(struct proc *process, pid_t pid)
{
	unsigned long long ticks = 0;

	*process = (struct proc){ .pid = pid };
	process->known = read_start(pid, &ticks);
	process->started =
		time_of_boot() +
		(time_t)(ticks / (unsigned long long)sysconf(_SC_CLK_TCK));
	process->arguments = read_arguments(pid);
}

void proc_free(struct proc *process)
{
	free(process->arguments);
}

char *proc_user(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? say_printable(user->pw_name) : NULL;
}
