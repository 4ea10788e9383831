/*
 * A network namespace of the program's own, with its loopback up: every port is
 * free in it, and its settings are nobody else's.
 */
#ifndef PROGRAMS_ISOLATED_H
#define PROGRAMS_ISOLATED_H

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "pair.h"

static inline void isolate(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		skip("needs a network namespace");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	strcpy(request.ifr_name, "lo");
	CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
	CHECK(close(fd) == 0);
}

/* A setting below net.ipv4 of the namespace. */
static inline void set_ipv4(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0);
	CHECK(write(fd, value, strlen(value)) == (ssize_t)strlen(value));
	CHECK(close(fd) == 0);
}

#endif
