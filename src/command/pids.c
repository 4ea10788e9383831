#include "command/pids.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static FILE *open_file(int pid, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

static uint64_t namespace_of(int pid)
{
	char path[64];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return stat(path, &status) == 0 ? status.st_ino : 0;
}

uint64_t pids_own_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

/* The last number of the line "NSpid:", proc_pid_status(5); 0: there is none. */
static int innermost_pid(int pid)
{
	FILE *stream = open_file(pid, "status");
	char *line = NULL;
	size_t size = 0;
	int found = 0;

	while (stream && found == 0 && getline(&line, &size, stream) > 0) {
		const char *last = strrchr(line, '\t');

		if (strncmp(line, "NSpid:", 6) == 0 && last)
			found = atoi(last + 1);
	}
	free(line);
	if (stream)
		fclose(stream);
	return found;
}

static bool is_it(int pid, uint64_t namespace, int own_pid)
{
	return innermost_pid(pid) == own_pid && namespace_of(pid) == namespace;
}

static int find_child(uint64_t namespace, int own_pid, int parent)
{
	char name[64];
	FILE *stream;
	int found = 0;
	int pid;

	snprintf(name, sizeof(name), "task/%d/children", parent);
	stream = open_file(parent, name);
	while (stream && found == 0 && fscanf(stream, "%d", &pid) == 1) {
		if (is_it(pid, namespace, own_pid))
			found = pid;
	}
	if (stream)
		fclose(stream);
	return found;
}

int pids_find(uint64_t namespace, int own_pid, int parent)
{
	int found = parent > 0 ? find_child(namespace, own_pid, parent) : 0;
	DIR *directory = found ? NULL : opendir("/proc");
	const struct dirent *entry;

	while (directory && found == 0 &&
	       (entry = readdir(directory)) != NULL) {
		int pid = atoi(entry->d_name);

		if (pid > 0 && is_it(pid, namespace, own_pid))
			found = pid;
	}
	if (directory)
		closedir(directory);
	return found;
}

/* Without a /proc it cannot tell itself. */
static uint64_t namespace_told(const struct process *process,
			       const struct ring_start *start)
{
	if (start->pids != 0)
		return start->pids;
	if (start->seen_pid > 0)
		return start->seen_pid != start->head.pid
			       ? namespace_of(start->seen_pid)
			       : 0;
	return process->parent ? process->parent->pids : 0;
}

void pids_settle(struct process *process, const struct ring_start *start,
		 uint64_t own_namespace)
{
	uint64_t namespace = namespace_told(process, start);

	process->own_pid = start->head.pid;
	process->pid = start->head.pid;
	if (namespace != own_namespace)
		process->pids = namespace;
	if (start->seen_pid > 0) {
		process->pid = start->seen_pid;
		return;
	}
	if (process->pids == 0)
		return;
	process->pid = pids_find(process->pids, process->own_pid,
				 process->parent ? process->parent->pid : 0);
	process->hidden = process->pid == 0;
	if (process->hidden)
		process->pid = process->own_pid;
}

static bool is_dead(int pid)
{
	FILE *stream = open_file(pid, "stat");
	char line[512] = "";
	const char *at;

	if (stream) {
		(void)!fgets(line, sizeof(line), stream);
		fclose(stream);
	}
	/* The command, in brackets, may hold anything. */
	at = strrchr(line, ')');
	return !at || at[1] == '\0' || at[2] == 'Z' || at[2] == 'X';
}

/* False when it has no variables yet; *found: is that one among them? */
static bool look_for(int pid, const char *name, const char *value, bool *found)
{
	FILE *stream = open_file(pid, "environ");
	size_t length = strlen(name);
	char *variable = NULL;
	bool any = !stream;
	size_t size = 0;

	*found = false;
	while (stream && !*found &&
	       getdelim(&variable, &size, '\0', stream) > 0) {
		any = true;
		*found = strncmp(variable, name, length) == 0 &&
			 variable[length] == '=' &&
			 strcmp(variable + length + 1, value) == 0;
	}
	free(variable);
	if (stream)
		fclose(stream);
	return any;
}

static bool has_words(int pid)
{
	FILE *stream = open_file(pid, "cmdline");
	bool any = stream && fgetc(stream) != EOF;

	if (stream)
		fclose(stream);
	return any;
}

bool pids_has_variable(int pid, const char *name, const char *value)
{
	enum { LOOKS = 200 };
	const struct timespec pause = { .tv_nsec = 1000000 };
	bool found = false;

	/*
	 * In the middle of an exec there is nothing to be read. A program that
	 * was given no variables at all has its words (or is in its next exec,
	 * as it may be once, but not at two looks).
	 */
	for (int i = 0; i < LOOKS; i++) {
		bool words = has_words(pid);

		if (look_for(pid, name, value, &found) || is_dead(pid) ||
		    (words && i > 0))
			break;
		nanosleep(&pause, NULL);
	}
	return found;
}
