#include "command/target.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "command/say.h"

#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#endif

/* The kernel follows so many interpreters (BINPRM_MAX_RECURSION). */
enum { SCRIPTS_MAX = 5 };

/* 0, or the error number that says why not. */
static int check_program(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return errno;
	if (S_ISDIR(status.st_mode))
		return EISDIR;
	if (!S_ISREG(status.st_mode))
		return EACCES;
	return access(path, X_OK) == 0 ? 0 : errno;
}

static bool is_program(const char *path)
{
	return check_program(path) == 0;
}

char *target_find(const char *name, int *error)
{
	const char *path = getenv("PATH");

	*error = ENOENT;
	if (strchr(name, '/')) {
		*error = check_program(name);
		return *error == 0 ? need_memory(strdup(name)) : NULL;
	}
	if (!path)
		path = "/bin:/usr/bin";
	while (*name) {
		size_t length = strcspn(path, ":");
		char *file = NULL;

		if (asprintf(&file, "%.*s%s%s", (int)length, path,
			     length > 0 ? "/" : "./", name) < 0)
			file = NULL;
		switch (check_program(need_memory(file))) {
		case 0:
			return file;
		case EACCES:
			*error = EACCES;
		}
		free(file);
		if (path[length] == '\0')
			break;
		path += length + 1;
	}
	return NULL;
}

static bool is_privileged(int fd)
{
	struct stat status;

	if (geteuid() == 0 || fstat(fd, &status) < 0)
		return false;
	if (status.st_mode & S_ISUID && status.st_uid != geteuid())
		return true;
	if (status.st_mode & S_ISGID && status.st_gid != getegid())
		return true;
	return fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static bool has_section(Elf *elf, const char *wanted)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return false;
	while ((section = elf_nextscn(elf, section)) != NULL) {
		GElf_Shdr header;
		const char *name;

		if (!gelf_getshdr(section, &header))
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		if (name && strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

static enum target inspect_elf(int fd)
{
	enum target target = TARGET_STATIC;
	GElf_Ehdr header;
	size_t count = 0;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || !gelf_getehdr(elf, &header) ||
	    elf_getphdrnum(elf, &count) != 0) {
		elf_end(elf);
		return TARGET_ODD;
	}
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr segment;

		if (gelf_getphdr(elf, (int)i, &segment) &&
		    segment.p_type == PT_INTERP)
			target = TARGET_DYNAMIC;
	}
	if (header.e_machine != OWN_MACHINE ||
	    header.e_ident[EI_CLASS] != ELFCLASS64)
		target = TARGET_FOREIGN;
	else if (target == TARGET_DYNAMIC && is_privileged(fd))
		target = TARGET_PRIVILEGED;
	else if (target == TARGET_DYNAMIC &&
		 has_section(elf, ".note.go.buildid"))
		target = TARGET_GO;
	elf_end(elf);
	return target;
}

/* The interpreter that the first line names, in place; NULL: it names none. */
static char *interpreter(char *line)
{
	char *start = line + 2;

	if (strncmp(line, "#!", 2) != 0)
		return NULL;
	start += strspn(start, " \t");
	start[strcspn(start, " \t\n")] = '\0';
	return *start ? start : NULL;
}

static enum target inspect(const char *path, int depth)
{
	char line[256] = "";
	enum target target = TARGET_ODD;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got;

	if (fd < 0)
		return is_program(path) ? TARGET_DYNAMIC : TARGET_MISSING;
	got = pread(fd, line, sizeof(line) - 1, 0);
	if (got >= SELFMAG && memcmp(line, ELFMAG, SELFMAG) == 0)
		target = inspect_elf(fd);
	else if (got > 2 && interpreter(line) && depth < SCRIPTS_MAX)
		target = inspect(interpreter(line), depth + 1);
	else if (got >= 0)
		/* execvp(3) gives it to the shell. */
		target = depth == 0 ? inspect("/bin/sh", depth + 1)
				    : TARGET_ODD;
	close(fd);
	return target;
}

enum target target_inspect(const char *path)
{
	return inspect(path, 0);
}

const char *target_reason(enum target target)
{
	static const char *const reasons[] = {
		[TARGET_GO] = "is a Go program: it makes system calls without "
			      "libc, where they cannot be seen",
		[TARGET_STATIC] = "is statically linked: nothing can be "
				  "preloaded into it",
		[TARGET_PRIVILEGED] = "has privileges of its own (setuid, "
				      "setgid or capabilities): the loader "
				      "preloads nothing into it",
		[TARGET_FOREIGN] = "is made for another machine or word size "
				   "than tcpshadow",
		[TARGET_MISSING] = "was not found",
		[TARGET_ODD] = "is no program that tcpshadow knows",
	};

	return reasons[target];
}
