/* Opens sockets and never closes them. */
#include <sys/resource.h>

#include "../net.h"

int main(void)
{
	struct rlimit limit = { .rlim_cur = 32, .rlim_max = 32 };

	check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	for (int i = 0; i < 40; i++) {
		if (socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0) {
			perror("socket");
			break;
		}
	}
	return 0;
}
