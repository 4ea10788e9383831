/*
 * What is said of sockets that a program has not closed when it ends. The
 * library says it where the program comes to its exit, the command of those
 * that a signal has ended: in the same words.
 */
#ifndef MODEL_AT_EXIT_H
#define MODEL_AT_EXIT_H

#define AT_EXIT_LEAK "the peer has closed this connection, the program has not "
#define AT_EXIT_LEAK_HELP "close() the socket after read() has returned 0"

#define AT_EXIT_LEFT_OPEN \
	"this socket was not closed when the program ended: it was in state "
#define AT_EXIT_LEFT_OPEN_HELP                                            \
	"close() it on every way out, or hand it to the process that is " \
	"to go on with it"

#define AT_EXIT_INHERITED                                          \
	"this program inherited a listening socket over exec and " \
	"never used it: while it lives the port stays taken"
#define AT_EXIT_INHERITED_HELP                                           \
	"the program that made the listener: socket(..., SOCK_STREAM | " \
	"SOCK_CLOEXEC, ...), or accept4() and fcntl() likewise"

/* With no connection accepted since, what ended so shortly before, in ms, is
 * left to the exit. */
enum { AT_EXIT_MOMENT = 1000 };

#endif
