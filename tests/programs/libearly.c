/*
 * A library whose constructor uses sockets, preloaded behind ours: its
 * constructor may run before ours has resolved anything.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((constructor)) static void early(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	if (fd < 0 || listen(fd, 1) < 0 || read(fd, &byte, 1) != -1 ||
	    write(2, "", 0) != 0 || dup2(fd, 77) != 77 || close(77) < 0 ||
	    close(fd) < 0)
		abort();
}
