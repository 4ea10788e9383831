/* Closes each when it is done with it. */
#include <sys/resource.h>

#include "../net.h"

int main(void)
{
	struct rlimit limit = { .rlim_cur = 32, .rlim_max = 32 };

	check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	for (int i = 0; i < 40; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		check(fd >= 0, "socket");
		close(fd);
	}
	return 0;
}
