/*
 * Executes itself (argv[2]) in ways that leave its name in doubt: no argument
 * at all, no path. What it becomes ends at once.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

extern char **environ;

static char *nobody[] = { NULL };
static char *applet[] = { "/bin/applet", NULL };

static int execute(const char *how, const char *path)
{
	if (strcmp(how, "without-arguments") == 0)
		return execve(path, nobody, environ);
	if (strcmp(how, "by-descriptor") == 0)
		return fexecve(open(path, O_RDONLY | O_CLOEXEC), applet,
			       environ);
	if (strcmp(how, "itself") == 0)
		return execve("/proc/self/exe", applet, environ);
	return prctl(PR_SET_NAME, "renamed");
}

int main(int argc, char **argv)
{
	return argc > 2 && execute(argv[1], argv[2]) != 0;
}
