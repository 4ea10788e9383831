#include "echo.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t writen(int fd, const void *buffer, size_t count)
{
	const char *at = buffer;
	size_t left = count;

	while (left > 0) {
		ssize_t written = write(fd, at, left);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		at += written;
		left -= (size_t)written;
	}
	return (ssize_t)count;
}

ssize_t readline(int fd, char *line, size_t size)
{
	size_t length = 0;

	while (length + 1 < size) {
		ssize_t got = read(fd, line + length, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		length++;
		if (line[length - 1] == '\n')
			break;
	}
	line[length] = '\0';
	return (ssize_t)length;
}

int parse_number(const char *program, const char *what, const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < 0 || number > 65535) {
		fprintf(stderr, "%s: not %s: %s\n", program, what, text);
		exit(2);
	}
	return (int)number;
}

int open_socket(const char *program, const char *address, int port,
		struct sockaddr_storage *storage, unsigned int *length)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char service[8];
	int fd;

	snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(address, service, &hints, &found) != 0) {
		fprintf(stderr, "%s: not an address in numbers: %s\n", program,
			address);
		exit(2);
	}
	memcpy(storage, found->ai_addr, found->ai_addrlen);
	*length = found->ai_addrlen;
	fd = socket(found->ai_family, SOCK_STREAM, 0);
	freeaddrinfo(found);
	if (fd < 0)
		die(program, "socket");
	return fd;
}

void shut_and_drain(const char *program, int fd)
{
	char rest[ECHO_LINE];

	if (shutdown(fd, SHUT_WR) < 0)
		die(program, "shutdown");
	while (read(fd, rest, sizeof(rest)) > 0)
		;
}

void die(const char *program, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
	exit(1);
}
