/* Every call that reads, writes or closes, on a number that was closed. */
#include <sys/uio.h>

#include "pair.h"

/* libc's, when the program is built with FORTIFY. */
ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room,
		       int flags, struct sockaddr *address, socklen_t *length);

/* A socket of its own for each. */
static int gone(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0 && close(fd) == 0);
	return fd;
}

#define FAILS(call) CHECK((call) == -1 && errno == EBADF)

int main(void)
{
	char bytes[1];
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct sockaddr_in address;
	struct sockaddr *from = (struct sockaddr *)&address;
	socklen_t length = sizeof(address);

	memset(bytes, 0, sizeof(bytes));
	FAILS(read(gone(), bytes, 1));
	FAILS(__read_chk(gone(), bytes, 1, 1));
	FAILS(readv(gone(), &part, 1));
	FAILS(recv(gone(), bytes, 1, 0));
	FAILS(__recv_chk(gone(), bytes, 1, 1, 0));
	FAILS(recvfrom(gone(), bytes, 1, 0, from, &length));
	FAILS(__recvfrom_chk(gone(), bytes, 1, 1, 0, from, &length));
	FAILS(recvmsg(gone(), &message, 0));
	FAILS(write(gone(), bytes, 1));
	FAILS(writev(gone(), &part, 1));
	FAILS(send(gone(), bytes, 1, 0));
	FAILS(sendto(gone(), bytes, 1, 0, NULL, 0));
	FAILS(sendmsg(gone(), &message, 0));
	FAILS(close(gone()));
	return 0;
}
