/* Who asks for the ring, and who gets it. */
#include "command/handout.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring/handout.h"

static struct handout handout;
static int ring;

static void begin(void)
{
	ring = memfd_create("ring", MFD_CLOEXEC);
	cr_assert_geq(ring, 0);
	handout_begin(&handout, ring);
	cr_assert_geq(handout.socket, 0);
}

static void end(void)
{
	handout_end(&handout);
	close(ring);
}

TestSuite(handout, .init = begin, .fini = end);

/* An asker, connected; -1 with errno. */
static int asker(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length;

	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address,
			  sizeof(address.sun_family)),
		     0);
	length = handout_address(&address, handout.name);
	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	close(fd);
	return -1;
}

/* What it is answered, -1: nothing; *pid, too. */
static int answer(int fd, int32_t *pid)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { pid, sizeof(*pid) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	int got = -1;

	if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) < 0)
		return -1;
	cr_assert(CMSG_FIRSTHDR(&message));
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
	return got;
}

static bool is_ring(int fd)
{
	struct stat one;
	struct stat two;

	return fstat(fd, &one) == 0 && fstat(ring, &two) == 0 &&
	       one.st_ino == two.st_ino && one.st_dev == two.st_dev;
}

Test(handout, gives_the_ring_and_the_pid_to_who_has_the_key)
{
	int fd = asker();
	int32_t pid = 0;
	int got;

	cr_assert_eq(send(fd, &handout.key, sizeof(handout.key), 0),
		     sizeof(handout.key));
	handout_serve(&handout);
	got = answer(fd, &pid);
	cr_expect(is_ring(got));
	cr_expect_eq(pid, getpid());
	close(got);
	close(fd);
}

Test(handout, gives_nothing_to_a_stranger)
{
	uint64_t keys[] = { 0, handout.name, handout.key + 1, handout.key };
	int fd = asker();
	int32_t pid;

	for (int i = 0; i < 3; i++)
		cr_assert_eq(send(fd, &keys[i], sizeof(keys[i]), 0),
			     sizeof(keys[i]));
	/* Too short, too long, none at all. */
	cr_assert_eq(send(fd, &handout.key, 4, 0), 4);
	cr_assert_eq(send(fd, &keys[2], 2 * sizeof(keys[0]), 0),
		     2 * sizeof(keys[0]));
	cr_assert_eq(send(fd, "", 0, 0), 0);
	handout_serve(&handout);
	cr_expect_eq(answer(fd, &pid), -1);
	close(fd);
}

Test(handout, at_its_end_answers_who_has_asked_and_nobody_else)
{
	int early = asker();
	int late = asker();
	int32_t pid;
	int got;

	cr_assert_eq(send(early, &handout.key, sizeof(handout.key), 0),
		     sizeof(handout.key));
	handout_end(&handout);
	got = answer(early, &pid);
	cr_expect(is_ring(got));
	cr_expect_eq(send(late, &handout.key, sizeof(handout.key),
			  MSG_NOSIGNAL),
		     -1);
	cr_expect_eq(errno, ECONNREFUSED);
	cr_expect_eq(asker(), -1);
	close(got);
	close(early);
	close(late);
}
