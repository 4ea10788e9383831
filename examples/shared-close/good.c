/* The connection is closed on exec. */
#include <fcntl.h>

#include "../net.h"

static int is_program(pid_t pid, const char *name)
{
	char path[64];
	char line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "r");
	if (file) {
		check(fgets(line, sizeof(line), file) != NULL, "fgets");
		fclose(file);
	}
	return strncmp(line, name, strlen(name)) == 0;
}

int main(void)
{
	int listener = local_listener(1);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server;
	int prompt[2];
	pid_t child;
	char byte;

	check(local_connect(client, local_port(listener)) == 0, "connect");
	server = local_accept(listener);
	check(fcntl(server, F_SETFD, FD_CLOEXEC) == 0, "fcntl");
	check(pipe2(prompt, O_CLOEXEC) == 0, "pipe");
	child = fork();
	if (child == 0) {
		dup2(prompt[0], 0);
		execlp("cat", "cat", NULL);
		_exit(1);
	}
	/* The child has become another program when its name has changed. */
	while (!is_program(child, "cat"))
		poll(NULL, 0, 1);
	close(client);
	close(prompt[1]);
	check(waitpid(child, NULL, 0) == child, "waitpid");
	while (read(server, &byte, 1) > 0)
		;
	close(server);
	close(listener);
	return 0;
}
