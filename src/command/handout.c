#include "command/handout.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "ring/handout.h"

/* Who has asked. */
struct question {
	struct sockaddr_un address;
	socklen_t length;
	uint64_t key;
	int32_t pid; /* 0: not told */
};

/* Random, and not 0. */
static uint64_t make_number(void)
{
	uint64_t number = 0;

	while (number == 0 &&
	       getrandom(&number, sizeof(number), 0) == sizeof(number))
		;
	return number;
}

void handout_begin(struct handout *handout, int ring)
{
	const int on = 1;
	struct sockaddr_un address;
	socklen_t length;

	*handout = (struct handout){ .ring = ring,
				     .name = make_number(),
				     .key = make_number() };
	length = handout_address(&address, handout->name);
	handout->socket =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (handout->socket >= 0 && handout->key != 0 &&
	    setsockopt(handout->socket, SOL_SOCKET, SO_PASSCRED, &on,
		       sizeof(on)) == 0 &&
	    bind(handout->socket, (struct sockaddr *)&address, length) == 0)
		return;
	handout_end(handout);
	handout->name = 0;
}

/* False when there is none. */
static bool receive(const struct handout *handout, struct question *question)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = { &question->key, sizeof(question->key) };
	struct msghdr message = { .msg_name = &question->address,
				  .msg_namelen = sizeof(question->address),
				  .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *credentials;
	struct ucred sender;
	ssize_t got;

	*question = (struct question){ .pid = 0 };
	do {
		got = recvmsg(handout->socket, &message, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	question->length = message.msg_namelen;
	if (got != sizeof(question->key))
		question->key = 0;
	credentials = CMSG_FIRSTHDR(&message);
	if (credentials && credentials->cmsg_type == SCM_CREDENTIALS &&
	    credentials->cmsg_len >= CMSG_LEN(sizeof(sender))) {
		memcpy(&sender, CMSG_DATA(credentials), sizeof(sender));
		question->pid = sender.pid;
	}
	return true;
}

static void answer(const struct handout *handout, struct question *question)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { &question->pid, sizeof(question->pid) };
	struct msghdr message = { .msg_name = &question->address,
				  .msg_namelen = question->length,
				  .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	*rights = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS,
				    .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(rights), &handout->ring, sizeof(int));
	(void)!sendmsg(handout->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void handout_serve(struct handout *handout)
{
	/* A stranger who asks without end must not hold the command up. */
	enum { AT_ONCE = 64 };
	struct question question;

	for (int i = 0; i < AT_ONCE && handout->socket >= 0; i++) {
		if (!receive(handout, &question))
			return;
		if (question.key == handout->key)
			answer(handout, &question);
	}
}

void handout_end(struct handout *handout)
{
	if (handout->socket < 0)
		return;
	shutdown(handout->socket, SHUT_RD);
	handout_serve(handout);
	close(handout->socket);
	handout->socket = -1;
}
