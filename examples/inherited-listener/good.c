/* The listener is closed on exec. */
#include "../net.h"

int main(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t child;

	check(listen(listener, 1) == 0, "listen");
	child = fork();
	if (child == 0) {
		execlp("true", "true", NULL);
		_exit(1);
	}
	check(waitpid(child, NULL, 0) == child, "waitpid");
	close(listener);
	return 0;
}
