/*
 * readline and writen for a stream socket, as every book on sockets has them,
 * and what the two programs of the pair share.
 */
#ifndef ECHO_H
#define ECHO_H

#include <stddef.h>
#include <sys/types.h>

enum { ECHO_LINE = 1024, ECHO_PORT = 5188 };

/* Writes all of it. count, or -1 with errno. */
ssize_t writen(int fd, const void *buffer, size_t count);

/*
 * Reads up to and with a newline, at most size - 1 bytes, and closes the text
 * with NUL. The number of bytes, 0 at end of file, -1 with errno.
 */
ssize_t readline(int fd, char *line, size_t size);

/*
 * A number from 0 to 65535 of the command line, what being "a port"; exits with
 * status 2 when it is none.
 */
int parse_number(const char *program, const char *what, const char *text);

/*
 * socket() for an address in numbers, IPv4 or IPv6, which is put into
 * *storage. Exits with status 2 when it is no such address.
 */
struct sockaddr_storage;
int open_socket(const char *program, const char *address, int port,
		struct sockaddr_storage *storage, unsigned int *length);

/* An orderly end: our FIN first, then whatever the peer still has to say. */
void shut_and_drain(const char *program, int fd);

/* "program: what: reason" on standard error, then exit(1). */
void die(const char *program, const char *what) __attribute__((noreturn));

#endif
