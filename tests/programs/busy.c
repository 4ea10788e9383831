/* build: -pthread */
/*
 * busy HOLDER OLD NEW: one cell of the table of "address already in use". Makes
 * the holder with the flags OLD (`-`, or of A SO_REUSEADDR, P SO_REUSEPORT) and
 * binds to its port with the flags NEW, in a network namespace of its own.
 * Prints the outcome (`.` bound, `B` bind failed, `L` listen failed) and what
 * the log has to say about a failure.
 */
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "pair.h"

enum { PORT = 5188, PEER_PORT = 7000 };

static const char *old_flags;
static int wanted_family = AF_INET;
static const char *wanted_address = "127.0.0.1";
static bool wanted_v6only;

/* What the finding must say, set by the holder. */
static const char *class_name = "";
static const char *state = "";
static int owner_fd = -1;
static int owner_pid;
static const char *time_left = "";
static bool besides = false;
static const char *owner_command = "busy";
static bool of_another = false;

static void isolate(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	CHECK(unshare(CLONE_NEWNET) == 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	strcpy(request.ifr_name, "lo");
	CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
	close(fd);
}

static void set_flags(int fd, const char *flags)
{
	int on = 1;

	if (strchr(flags, 'A'))
		CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
				 sizeof(on)) == 0);
	if (strchr(flags, 'P'))
		CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on,
				 sizeof(on)) == 0);
}

static struct sockaddr_in6 make_address(int family, const char *text, int port,
					socklen_t *length)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in *four = (struct sockaddr_in *)&six;
	unsigned char bytes[4] = { 0 };

	*length = sizeof(six);
	if (family == AF_INET6) {
		six.sin6_addr.s6_addr[15] = strcmp(text, "::1") == 0;
		return six;
	}
	sscanf(text, "%hhu.%hhu.%hhu.%hhu", &bytes[0], &bytes[1], &bytes[2],
	       &bytes[3]);
	memset(&six, 0, sizeof(six));
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	memcpy(&four->sin_addr, bytes, 4);
	*length = sizeof(*four);
	return six;
}

static int bound(int family, const char *text, int port, const char *flags,
		 bool v6only)
{
	socklen_t length;
	struct sockaddr_in6 address = make_address(family, text, port, &length);
	int on = v6only;
	int fd = socket(family, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	set_flags(fd, flags);
	if (family == AF_INET6)
		CHECK(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
				 sizeof(on)) == 0);
	CHECK(bind(fd, (struct sockaddr *)&address, length) == 0);
	return fd;
}

static int listening(int family, const char *text, int port, bool v6only)
{
	int fd = bound(family, text, port, old_flags, v6only);

	CHECK(listen(fd, 5) == 0);
	owner_fd = fd;
	owner_pid = getpid();
	class_name = "listener";
	state = "LISTEN";
	return fd;
}

static void hold(const char *class, const char *its_state, int fd)
{
	class_name = class;
	state = its_state;
	owner_fd = fd;
	owner_pid = getpid();
}

static void nothing(void)
{
}

static void listener(void)
{
	listening(AF_INET, "127.0.0.1", PORT, false);
}

/* A child of another user, which lives until we end. */
static void of_another_user(bool listens)
{
	int ready[2];
	char byte;
	pid_t child;

	CHECK(pipe(ready) == 0);
	child = fork();
	if (child == 0) {
		int fd;

		CHECK(setresuid(65534, 65534, 65534) == 0);
		fd = bound(AF_INET, "127.0.0.1", PORT, old_flags, false);
		if (listens)
			CHECK(listen(fd, 5) == 0);
		CHECK(write(ready[1], &fd, 1) == 1);
		pause();
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	hold(listens ? "listener" : "bound", listens ? "LISTEN" : "CLOSED",
	     byte);
	owner_pid = child;
	of_another = true;
}

/* Its name is what a terminal would act on. */
static void inherited_by_a_child(void)
{
	int fd = listening(AF_INET, "127.0.0.1", PORT, false);
	int ready[2];
	char byte;
	pid_t child;

	CHECK(pipe(ready) == 0);
	child = fork();
	if (child == 0) {
		CHECK(prctl(PR_SET_NAME, "\033]0;evil\007") == 0);
		CHECK(write(ready[1], "", 1) == 1);
		pause();
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	CHECK(close(fd) == 0);
	hold("inherited", "LISTEN", fd);
	owner_pid = child;
	owner_command = "\\x1b]0;evil\\x07";
}

/* On its way from one process to another: no descriptor leads to it. */
static void listener_in_a_message(void)
{
	int fd = listening(AF_INET, "127.0.0.1", PORT, false);
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	CHECK(sendmsg(ends[0], &message, 0) == 1);
	CHECK(close(fd) == 0);
	hold("inherited", "LISTEN", -1);
	owner_pid = 0;
}

/* A socket that was made in another network namespace, where the port is. */
static int made_elsewhere = -1;

static void listener_of_another_namespace(void)
{
	listening(AF_INET, "127.0.0.1", PORT, false);
	made_elsewhere = socket(AF_INET, SOCK_STREAM, 0);
	isolate();
	/* What is here is not what is in the way. */
	listening(AF_INET, "127.0.0.1", PORT, false);
	hold("elsewhere", "", -1);
}

static void listener_of_another_user(void)
{
	of_another_user(true);
}

static void wildcard_against_specific(void)
{
	listening(AF_INET, "0.0.0.0", PORT, false);
	class_name = "overlap";
}

static void specific_against_wildcard(void)
{
	listening(AF_INET, "127.0.0.1", PORT, false);
	class_name = "overlap";
	wanted_address = "0.0.0.0";
}

static void another_specific_address(void)
{
	listening(AF_INET, "127.0.0.1", PORT, false);
	wanted_address = "127.0.0.2";
}

static void dual_stack_against_ipv4(void)
{
	listening(AF_INET6, "::", PORT, false);
	class_name = "dual-stack";
	wanted_address = "0.0.0.0";
}

static void v6only_against_ipv4(void)
{
	listening(AF_INET6, "::", PORT, true);
	wanted_address = "0.0.0.0";
}

static void ipv4_against_dual_stack(void)
{
	listening(AF_INET, "0.0.0.0", PORT, false);
	class_name = "dual-stack";
	wanted_family = AF_INET6;
	wanted_address = "::";
}

static void ipv4_against_v6only(void)
{
	ipv4_against_dual_stack();
	wanted_v6only = true;
}

static void dual_stack_against_loopback(void)
{
	listening(AF_INET6, "::", PORT, false);
	class_name = "dual-stack";
}

static void ipv6_loopback_against_ipv4(void)
{
	listening(AF_INET6, "::1", PORT, false);
}

/* A connection of PORT whose listener has gone. */
static struct pair orphaned(void)
{
	struct pair pair = { .listener = listening(AF_INET, "127.0.0.1", PORT,
						   false) };

	pair.client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(pair.client, PORT) == 0);
	pair.server = accept(pair.listener, NULL, NULL);
	CHECK(pair.server >= 0);
	CHECK(close(pair.listener) == 0);
	return pair;
}

static void established(void)
{
	struct pair pair = orphaned();

	hold("connection", "ESTABLISHED", pair.server);
}

static void time_wait(void)
{
	struct pair pair = orphaned();
	char byte;

	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(close(pair.client) == 0);
	hold("time-wait", "TIME_WAIT", -1);
}

static void fin_wait_2(void)
{
	struct pair pair = orphaned();

	int limit = open("/proc/sys/net/ipv4/tcp_fin_timeout", O_WRONLY);

	/* Another time than that of TIME_WAIT. */
	CHECK(limit >= 0 && write(limit, "7", 1) == 1 && close(limit) == 0);
	CHECK(close(pair.server) == 0);
	wait_state(pair.client, TCP_CLOSE_WAIT);
	wait_table_state(PORT, TCP_FIN_WAIT2);
	hold("connection", "FIN_WAIT_2", -1);
	time_left = "no process, 7 s left";
}

static void fin_wait_1(void)
{
	struct pair pair = orphaned();

	deafen(pair.client, 0, 0);
	CHECK(close(pair.server) == 0);
	hold("connection", "FIN_WAIT_1", -1);
}

static void close_wait(void)
{
	struct pair pair = orphaned();

	CHECK(close(pair.client) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	hold("connection", "CLOSE_WAIT", pair.server);
}

static void last_ack(void)
{
	struct pair pair = orphaned();

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	wait_state(pair.client, TCP_FIN_WAIT2);
	deafen(pair.client, 0, 0);
	CHECK(close(pair.server) == 0);
	hold("connection", "LAST_ACK", -1);
}

static void bound_not_listening(void)
{
	hold("bound", "CLOSED",
	     bound(AF_INET, "127.0.0.1", PORT, old_flags, false));
}

static void bound_wildcard_not_listening(void)
{
	hold("bound", "CLOSED",
	     bound(AF_INET, "0.0.0.0", PORT, old_flags, false));
}

static void bound_of_another_user(void)
{
	of_another_user(false);
}

static void listener_after_shutdown(void)
{
	int fd = listening(AF_INET, "127.0.0.1", PORT, false);

	CHECK(shutdown(fd, SHUT_RD) == 0);
	hold("bound", "CLOSED", fd);
}

static const char *service_flags = "A";

/* A client whose own port is PORT, or chosen by the kernel. */
static struct pair client_of_service(int port, int *own)
{
	struct pair pair;
	const char *flags = old_flags;

	old_flags = service_flags;
	pair.listener = listening(AF_INET, "127.0.0.1", PEER_PORT, false);
	old_flags = flags;
	if (port) {
		pair.client = bound(AF_INET, "127.0.0.1", port, flags, false);
	} else {
		pair.client = socket(AF_INET, SOCK_STREAM, 0);
		set_flags(pair.client, flags);
	}
	CHECK(connect_to(pair.client, PEER_PORT) == 0);
	pair.server = accept(pair.listener, NULL, NULL);
	*own = port_of(pair.client);
	return pair;
}

static int wanted_port = PORT;

static void client_with_a_bound_port(void)
{
	struct pair pair = client_of_service(PORT, &wanted_port);

	hold("connection", "ESTABLISHED", pair.client);
}

static void client_with_an_ephemeral_port(void)
{
	struct pair pair = client_of_service(0, &wanted_port);

	hold("ephemeral", "ESTABLISHED", pair.client);
}

static void client_with_an_ephemeral_port_against_wildcard(void)
{
	client_with_an_ephemeral_port();
	wanted_address = "0.0.0.0";
}

static void finish(struct pair *pair)
{
	char byte;

	CHECK(shutdown(pair->client, SHUT_WR) == 0);
	CHECK(read(pair->server, &byte, 1) == 0);
	CHECK(close(pair->server) == 0);
	CHECK(read(pair->client, &byte, 1) == 0);
}

static void client_time_wait_with_a_bound_port(void)
{
	struct pair pair = client_of_service(PORT, &wanted_port);

	finish(&pair);
	CHECK(close(pair.client) == 0);
	hold("time-wait", "TIME_WAIT", -1);
}

static void client_time_wait_with_an_ephemeral_port(void)
{
	struct pair pair = client_of_service(0, &wanted_port);

	finish(&pair);
	CHECK(close(pair.client) == 0);
	hold("ephemeral", "TIME_WAIT", -1);
}

static void finished_connection_still_open(void)
{
	struct pair pair = client_of_service(PORT, &wanted_port);

	finish(&pair);
	hold("bound", "CLOSED", pair.client);
}

static void syn_sent_with_a_bound_port(void)
{
	int peer = bound(AF_INET, "127.0.0.1", PEER_PORT, "-", false);
	int client = bound(AF_INET, "127.0.0.1", PORT, old_flags, false);

	CHECK(listen(peer, 1) == 0);
	deafen(peer, 0, 0);
	CHECK(fcntl(client, F_SETFL, O_NONBLOCK) == 0);
	CHECK(connect_to(client, PEER_PORT) == -1 && errno == EINPROGRESS);
	hold("connection", "SYN_SENT", client);
}

/* The listener is the cause, not the TIME_WAIT beside it. */
static void time_wait_beside_its_listener(void)
{
	struct pair pair = { .listener = listening(AF_INET, "127.0.0.1", PORT,
						   false) };
	char byte;

	pair.client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(pair.client, PORT) == 0);
	pair.server = accept(pair.listener, NULL, NULL);
	CHECK(close(pair.server) == 0);
	CHECK(read(pair.client, &byte, 1) == 0);
	CHECK(close(pair.client) == 0);
	tell("refuse", "holder: time-wait");
	besides = true;
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario holders[] = {
	S(nothing),
	S(listener),
	S(listener_of_another_user),
	S(inherited_by_a_child),
	S(listener_in_a_message),
	S(listener_of_another_namespace),
	S(wildcard_against_specific),
	S(specific_against_wildcard),
	S(another_specific_address),
	S(dual_stack_against_ipv4),
	S(v6only_against_ipv4),
	S(ipv4_against_dual_stack),
	S(ipv4_against_v6only),
	S(dual_stack_against_loopback),
	S(ipv6_loopback_against_ipv4),
	S(established),
	S(time_wait),
	S(fin_wait_2),
	S(fin_wait_1),
	S(close_wait),
	S(last_ack),
	S(bound_not_listening),
	S(bound_wildcard_not_listening),
	S(bound_of_another_user),
	S(listener_after_shutdown),
	S(client_with_a_bound_port),
	S(client_with_an_ephemeral_port),
	S(client_with_an_ephemeral_port_against_wildcard),
	S(client_time_wait_with_a_bound_port),
	S(client_time_wait_with_an_ephemeral_port),
	S(finished_connection_still_open),
	S(syn_sent_with_a_bound_port),
	S(time_wait_beside_its_listener),
};

/* What the finding about a failed bind has to say. */
static void expect_finding(int fd, int probe, const char *flags,
			   const struct sockaddr_in6 *address, socklen_t length)
{
	bool listens = strcmp(state, "LISTEN") == 0;
	bool share = listens && strchr(old_flags, 'P') && !of_another &&
		     !strchr(flags, 'P');
	bool reuseport = share || (listens && strchr(flags, 'P') &&
				   strcmp(class_name, "inherited") != 0);

	tell("expect", "[address-in-use]");
	if (strcmp(class_name, "elsewhere") == 0) {
		tell("expect", "holder: elsewhere, the socket was made in");
		tell("refuse", "LISTEN 127.0.0.1:%d pid", PORT);
		tell("refuse", "would");
		return;
	}
	tell("expect", "holder: %s %s ",
	     strcmp(class_name, "inherited") != 0 && reuseport ? "reuseport"
							       : class_name,
	     state);
	if (owner_fd >= 0)
		tell("expect", "pid %d (%s) fd %d", owner_pid, owner_command,
		     owner_fd);
	/* It was not found, if others have many descriptors: crowd.c. */
	else if (listens)
		tell("expect", " a process that ");
	else
		tell("expect", " no process");
	tell("expect", "%s", time_left);
	if (besides)
		tell("expect", "and 1 connection on that port");
	if (strcmp(state, "TIME_WAIT") == 0)
		tell("expect", " s left");
	/* What really happens when it is tried. */
	if (share) {
		set_flags(probe, "P");
		CHECK(bind(probe, (const struct sockaddr *)address, length) ==
		      0);
		CHECK(close(probe) == 0);
		tell("expect", "SO_REUSEPORT on this socket would help now");
	} else {
		tell("refuse", "SO_REUSEPORT on this socket");
	}
	if (strchr(flags, 'A')) {
		tell("expect", "SO_REUSEADDR is set on this socket, and does "
			       "not help here");
		return;
	}
	/* What really happens when it is tried. */
	set_flags(fd, "A");
	if (bind(fd, (const struct sockaddr *)address, length) == 0)
		tell("expect", "SO_REUSEADDR on this socket would help now");
	else
		tell("expect",
		     "SO_REUSEADDR on this socket would not help now");
}

static int wanted_socket(void)
{
	int v6only = wanted_v6only;
	int fd = socket(wanted_family, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	if (wanted_family == AF_INET6)
		CHECK(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
				 sizeof(v6only)) == 0);
	return fd;
}

static void try_to_bind(const char *flags)
{
	socklen_t length;
	struct sockaddr_in6 address = make_address(
		wanted_family, wanted_address, wanted_port, &length);
	int fd = made_elsewhere >= 0 ? made_elsewhere : wanted_socket();

	set_flags(fd, flags);
	if (bind(fd, (struct sockaddr *)&address, length) < 0) {
		CHECK(errno == EADDRINUSE);
		printf("outcome B\n");
		expect_finding(fd, wanted_socket(), flags, &address, length);
		return;
	}
	if (listen(fd, 5) < 0) {
		CHECK(errno == EADDRINUSE);
		printf("outcome L\n");
		tell("expect", "listen() = -1 EADDRINUSE");
		return;
	}
	printf("outcome .\n");
	tell("refuse", "[address-in-use]");
}

int main(int argc, char **argv)
{
	signal(SIGCHLD, SIG_IGN);
	if (argc == 1) {
		run_scenario(holders, SCENARIO_COUNT(holders), argc, argv);
		return 0;
	}
	CHECK(argc == 4);
	isolate();
	old_flags = argv[2];
	if (run_scenario(holders, SCENARIO_COUNT(holders), 2, argv) != 0)
		return 4;
	try_to_bind(argv[3]);
	fflush(stdout);
	if (owner_pid != 0 && owner_pid != getpid())
		kill(owner_pid, SIGKILL);
	return 0;
}
