/* A module that calls a libc of its own: opened by dlmopen, or RTLD_DEEPBIND. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int space_connect(int port);
int space_close(int fd);
int space_echo(int from, int to);

int space_connect(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return fd;
}

int space_close(int fd)
{
	return close(fd);
}

int space_echo(int from, int to)
{
	char text[8] = "";

	if (write(from, "module", 7) != 7 || read(to, text, 7) != 7)
		return -1;
	return strcmp(text, "module");
}
