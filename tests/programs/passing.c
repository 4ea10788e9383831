/* build: -pthread */
/* Sockets that come in messages, beside other things and at odd numbers. */
#include "torture.h"

enum { ROOM = 256 };

static int ends[2]; /* of a UNIX socket */
static char bytes[8];

/* A message, its one byte and its control data. */
struct letter {
	struct msghdr message;
	struct iovec part;
	_Alignas(struct cmsghdr) char control[ROOM];
};

static struct msghdr *empty_letter(struct letter *letter)
{
	letter->part = (struct iovec){ bytes, 1 };
	memset(letter->control, 0, ROOM);
	letter->message = (struct msghdr){ .msg_iov = &letter->part,
					   .msg_iovlen = 1,
					   .msg_control = letter->control,
					   .msg_controllen = ROOM };
	return &letter->message;
}

static struct cmsghdr *add(struct cmsghdr *at, int type, const void *data,
			   size_t size)
{
	at->cmsg_level = SOL_SOCKET;
	at->cmsg_type = type;
	at->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(at), data, size);
	return (struct cmsghdr *)(void *)((char *)at + CMSG_SPACE(size));
}

static void send_numbers(const int *fds, size_t count)
{
	struct letter letter;
	struct msghdr *message = empty_letter(&letter);
	char *end = (char *)add(CMSG_FIRSTHDR(message), SCM_RIGHTS, fds,
				count * sizeof(int));

	message->msg_controllen = (size_t)(end - letter.control);
	CHECK(sendmsg(ends[0], message, 0) == 1);
}

/* What has come, but for process ids; the last number of them, or -1. */
static int show_control(struct msghdr *message)
{
	int last = -1;

	printf("flags %x\n", message->msg_flags);
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at;
	     at = CMSG_NXTHDR(message, at)) {
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fds[16];

		printf("type %d, %zu bytes\n", at->cmsg_type,
		       at->cmsg_len - CMSG_LEN(0));
		if (at->cmsg_type != SCM_RIGHTS)
			continue;
		CHECK(count <= 16);
		memcpy(fds, CMSG_DATA(at), count * sizeof(int));
		for (size_t i = 0; i < count; i++)
			printf("number %d\n", last = fds[i]);
	}
	return last;
}

static int receive(void)
{
	struct letter letter;
	struct msghdr *message = empty_letter(&letter);

	SHOW(recvmsg(ends[1], message, 0));
	return show_control(message);
}

static void ask_for_credentials(void)
{
	int on = 1;

	CHECK(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ==
	      0);
}

static void make_ends(void)
{
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
}

/* The number that came is the connection's only one here. */
static void expect_followed(int fd)
{
	CHECK(fd >= 0);
	SHOW(shutdown(fd, SHUT_WR));
	tell("expect", "fd %d ", fd);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
}

/* --- beside other things
 * -------------------------------------------------------- */

static void credentials_beside_a_socket(void)
{
	struct pair pair = make_pair();
	int fd;

	make_ends();
	ask_for_credentials();
	send_numbers(&pair.client, 1);
	CHECK(close(pair.client) == 0);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
	CHECK(open("/dev/null", O_RDONLY) == pair.client);
	fd = receive();
	expect_followed(fd);
}

static void credentials_are_sent_beside_a_socket(void)
{
	struct ucred own = { getpid(), getuid(), getgid() };
	struct pair pair = make_pair();
	struct letter letter;
	struct msghdr *message = empty_letter(&letter);
	struct cmsghdr *at = CMSG_FIRSTHDR(message);

	make_ends();
	at = add(at, SCM_CREDENTIALS, &own, sizeof(own));
	at = add(at, SCM_RIGHTS, &pair.client, sizeof(int));
	message->msg_controllen = (size_t)((char *)at - letter.control);
	SHOW(sendmsg(ends[0], message, 0));
	/* It lives on, in the message. */
	SHOW(close(pair.client));
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
	CHECK(open("/dev/null", O_RDONLY) == pair.client);
	expect_followed(receive());
}

static void several_numbers_in_one_message(void)
{
	struct pair pair = make_pair();
	int fds[] = { 1, pair.server, 0, pair.client };

	make_ends();
	fds[2] = ends[0];
	send_numbers(fds, 4);
	CHECK(close(pair.client) == 0);
	CHECK(open("/dev/null", O_RDONLY) == pair.client);
	expect_followed(receive());
}

/* No room for what comes: the kernel drops it. */
static void control_data_that_is_cut_off(void)
{
	struct pair pair = make_pair();
	struct letter letter;
	struct msghdr *message;

	make_ends();
	for (size_t room = 0; room <= CMSG_SPACE(sizeof(int)); room += 4) {
		send_numbers(&pair.client, 1);
		message = empty_letter(&letter);
		message->msg_controllen = room;
		SHOW(recvmsg(ends[1], message, 0));
		show_control(message);
	}
	exchange(&pair, 1);
}

/* --- many messages
 * ---------------------------------------------------------------- */

static void sockets_in_many_messages(void)
{
	struct pair pairs[] = { make_pair(), make_pair() };
	struct letter letters[3];
	struct mmsghdr messages[3];
	int fds[2];

	make_ends();
	send_numbers(&pairs[0].client, 1);
	CHECK(send(ends[0], "x", 1, 0) == 1);
	send_numbers(&pairs[1].client, 1);
	for (int i = 0; i < 2; i++) {
		CHECK(close(pairs[i].client) == 0);
		CHECK(open("/dev/null", O_RDONLY) == pairs[i].client);
		tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pairs[i].client);
	}
	for (int i = 0; i < 3; i++)
		messages[i].msg_hdr = *empty_letter(&letters[i]);
	SHOW(recvmmsg(ends[1], messages, 3, 0, NULL));
	fds[0] = show_control(&messages[0].msg_hdr);
	CHECK(show_control(&messages[1].msg_hdr) == -1);
	fds[1] = show_control(&messages[2].msg_hdr);
	for (int i = 0; i < 2; i++)
		expect_followed(fds[i]);
}

static void sockets_are_sent_in_many_messages(void)
{
	struct pair pair = make_pair();
	struct letter letters[2];
	struct mmsghdr messages[2];
	struct cmsghdr *at;

	make_ends();
	for (int i = 0; i < 2; i++) {
		messages[i].msg_hdr = *empty_letter(&letters[i]);
		messages[i].msg_hdr.msg_controllen = 0;
	}
	messages[1].msg_hdr.msg_controllen = CMSG_SPACE(sizeof(int));
	at = CMSG_FIRSTHDR(&messages[1].msg_hdr);
	add(at, SCM_RIGHTS, &pair.client, sizeof(int));
	SHOW(sendmmsg(ends[0], messages, 2, 0));
	SHOW(close(pair.client));
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
	CHECK(open("/dev/null", O_RDONLY) == pair.client);
	receive();
	expect_followed(receive());
}

/* --- at a number that was another socket
 * -------------------------------------------- */

/* The client end of another process. */
static void receive_from_a_child(int port)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		CHECK(connect_to(fd, port) == 0);
		send_numbers(&fd, 1);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void at_the_number_of_a_closed_socket(void)
{
	struct pair pair = make_pair();
	int fd;

	make_ends();
	CHECK(close(pair.client) == 0);
	receive_from_a_child(port_of(pair.listener));
	fd = receive();
	CHECK(fd == pair.client);
	SHOW(dup2(fd, 40));
	SHOW(close(fd));
	expect_followed(40);
	tell("findings", "0 use-after-close");
}

static void known_at_the_number_of_a_closed_socket(void)
{
	struct pair pair = make_pair();
	struct pair other = make_pair();
	int fd;

	make_ends();
	CHECK(close(pair.client) == 0);
	send_numbers(&other.client, 1);
	fd = receive();
	CHECK(fd == pair.client);
	CHECK(close(other.client) == 0);
	CHECK(kernel_state(other.server) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", other.client);
	expect_followed(fd);
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(credentials_beside_a_socket),
	S(credentials_are_sent_beside_a_socket),
	S(several_numbers_in_one_message),
	S(control_data_that_is_cut_off),
	S(sockets_in_many_messages),
	S(sockets_are_sent_in_many_messages),
	S(at_the_number_of_a_closed_socket),
	S(known_at_the_number_of_a_closed_socket),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
