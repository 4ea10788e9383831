/* A tried bind() answers what a real one then does. */
#include "kernel/bind.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/net.h"

static struct sockaddr_in wildcard(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port) };
}

static int open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static int bound(int port, int reuseaddr, int reuseport)
{
	struct sockaddr_in in = wildcard(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuseaddr, sizeof(reuseaddr));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuseport, sizeof(reuseport));
	cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static long try4(int port, unsigned int options)
{
	struct sockaddr_in in = wildcard(port);

	return bind_try(AF_INET, &in, sizeof(in), options);
}

static long try6(int port, unsigned int options)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };

	return bind_try(AF_INET6, &in6, sizeof(in6), options);
}

Test(bind, of_a_free_port_leaves_it_free)
{
	int port = net_free_port();
	int before = open_descriptors();

	errno = 77;
	cr_expect_eq(try4(port, BIND_PLAIN), 0);
	cr_expect_eq(try6(port, BIND_PLAIN), 0);
	cr_expect_eq(errno, 77);
	cr_expect_eq(open_descriptors(), before);
	close(bound(port, 0, 0));
}

Test(bind, over_a_socket_without_options)
{
	int port = net_free_port();
	int fd = bound(port, 0, 0);

	cr_expect_eq(try4(port, BIND_PLAIN), -EADDRINUSE);
	cr_expect_eq(try4(port, BIND_REUSEADDR), -EADDRINUSE);
	cr_expect_eq(try4(port, BIND_REUSEPORT), -EADDRINUSE);
	close(fd);
}

Test(bind, over_a_socket_with_reuseaddr)
{
	int port = net_free_port();
	int fd = bound(port, 1, 0);

	cr_expect_eq(try4(port, BIND_PLAIN), -EADDRINUSE);
	cr_expect_eq(try4(port, BIND_REUSEADDR), 0);
	cr_assert_eq(listen(fd, 1), 0);
	cr_expect_eq(try4(port, BIND_REUSEADDR), -EADDRINUSE);
	close(fd);
}

Test(bind, over_a_listener_with_reuseport)
{
	int port = net_free_port();
	int fd = bound(port, 0, 1);

	cr_assert_eq(listen(fd, 1), 0);
	cr_expect_eq(try4(port, BIND_REUSEADDR), -EADDRINUSE);
	cr_expect_eq(try4(port, BIND_REUSEPORT), 0);
	close(fd);
}

Test(bind, of_ipv6_takes_ipv4_unless_told)
{
	int port = net_free_port();
	int fd = bound(port, 0, 0);

	cr_expect_eq(try6(port, BIND_PLAIN), -EADDRINUSE);
	cr_expect_eq(try6(port, BIND_V6ONLY), 0);
	close(fd);
}

Test(bind, of_a_family_that_does_not_exist)
{
	struct sockaddr_in in = wildcard(1);

	cr_expect_eq(bind_try(12345, &in, sizeof(in), BIND_PLAIN),
		     -EAFNOSUPPORT);
}
