/* Opens more connections to one destination than there are ports. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "../net.h"

/* A network of our own, with four ports for connections. */
static void narrow_network(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		exit(77);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strcpy(request.ifr_name, "lo");
	check(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "ioctl");
	close(fd);
	fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);
	check(write(fd, "40000 40003", 11) == 11, "ip_local_port_range");
	close(fd);
}

static int service(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	check(local_bind(fd, 7000) == 0, "bind");
	check(listen(fd, 16) == 0, "listen");
	return fd;
}

int main(void)
{
	int fds[5];
	int listener;

	narrow_network();
	listener = service();
	for (int i = 0; i < 5; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (local_connect(fds[i], 7000) < 0)
			perror("connect");
	}
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	close(listener);
	return 0;
}
