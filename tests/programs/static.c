/* build: -static */
/* No loader, so nothing is preloaded: the program has to run as ever. */
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	printf("%d %d\n", fd, listen(fd, 1));
	return 0;
}
