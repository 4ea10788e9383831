/* build: -pthread -lutil */
/*
 * One scenario for each wrapped symbol, named after it: makes the call on a
 * TCP socket and prints what the log has to say about it.
 */
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <linux/filter.h>
#include <netdb.h>
#include <pthread.h>
#include <pty.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <utmp.h>

#include "pair.h"
#include "remote.h"

ssize_t __read(int, void *, size_t);
ssize_t __write(int, const void *, size_t);
ssize_t __send(int, const void *, size_t, int);
int __connect(int, const struct sockaddr *, socklen_t);
int __close(int);
int __dup2(int, int);
int __fcntl(int, int, ...);
pid_t __fork(void);
pid_t __vfork(void);
int __clone(int (*)(void *), void *, int, void *, ...);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *,
		       socklen_t *);

static char buffer[16];
static struct iovec part = { .iov_base = buffer, .iov_len = sizeof(buffer) };
static const char *self;

/* An alias is the same function: the log has the plain name. */
static const char *shown(const char *name)
{
	bool alias = strncmp(name, "__", 2) == 0 && !strstr(name, "_chk");

	return alias ? name + 2 : name;
}

/* --- reading: end of file moves the reader to CLOSE_WAIT ------------------ */

static void end_of_file(const char *name, ssize_t (*function)(int))
{
	struct pair pair = make_pair();
	bool receives = strcmp(name, "recvmmsg") == 0;

	CHECK(write(pair.client, "x", 1) == 1);
	wait_events(pair.server, POLLIN);
	CHECK(function(pair.server) == 1);
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	wait_events(pair.server, POLLRDHUP);
	CHECK(function(pair.server) == (receives ? 1 : 0));
	tell("expect",
	     "ESTABLISHED -> CLOSE_WAIT: %s() = 0, the peer has "
	     "closed",
	     shown(name));
}

#define READER(name, call)                     \
	static ssize_t by_##name(int fd)       \
	{                                      \
		return call;                   \
	}                                      \
	static void do_##name(void)            \
	{                                      \
		end_of_file(#name, by_##name); \
	}

READER(read, read(fd, buffer, sizeof(buffer)))
READER(__read, __read(fd, buffer, sizeof(buffer)))
READER(__read_chk, __read_chk(fd, buffer, 8, sizeof(buffer)))
READER(readv, readv(fd, &part, 1))
READER(preadv2, preadv2(fd, &part, 1, -1, 0))
READER(preadv64v2, preadv64v2(fd, &part, 1, -1, 0))
READER(recv, recv(fd, buffer, sizeof(buffer), 0))
READER(__recv_chk, __recv_chk(fd, buffer, 8, sizeof(buffer), 0))
READER(recvfrom, recvfrom(fd, buffer, sizeof(buffer), 0, NULL, NULL))
READER(__recvfrom_chk,
       __recvfrom_chk(fd, buffer, 8, sizeof(buffer), 0, NULL, NULL))
READER(recvmsg,
       recvmsg(fd, &(struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 }, 0))
READER(recvmmsg, recvmmsg(fd,
			  &(struct mmsghdr){ .msg_hdr = { .msg_iov = &part,
							  .msg_iovlen = 1 } },
			  1, 0, NULL))

/* --- writing: the reset shows as ECONNRESET, then EPIPE ------------------- */

static void write_to_reset(const char *name, ssize_t (*function)(int))
{
	struct pair pair = make_pair();

	signal(SIGPIPE, SIG_IGN);
	CHECK(function(pair.client) > 0);
	CHECK(read(pair.server, buffer, sizeof(buffer)) > 0);
	reset(pair.server);
	wait_events(pair.client, POLLERR);
	CHECK(function(pair.client) == -1 && errno == ECONNRESET);
	tell("expect",
	     "ESTABLISHED -> CLOSED: %s() = -1 ECONNRESET, reset by "
	     "the peer",
	     shown(name));
	CHECK(function(pair.client) == -1 && errno == EPIPE);
	tell("expect", "[epipe-ignored]");
}

#define WRITER(name, call)                        \
	static ssize_t by_##name(int fd)          \
	{                                         \
		return call;                      \
	}                                         \
	static void do_##name(void)               \
	{                                         \
		write_to_reset(#name, by_##name); \
	}

static int file_with_text(void)
{
	int fd = memfd_create("text", 0);

	CHECK(write(fd, "text", 4) == 4);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static ssize_t splice_out(int fd)
{
	static int pipes[2];

	if (pipes[1] == 0)
		CHECK(pipe(pipes) == 0);
	CHECK(write(pipes[1], "x", 1) == 1);
	return splice(pipes[0], NULL, fd, NULL, 1, 0);
}

WRITER(write, write(fd, buffer, 4))
WRITER(__write, __write(fd, buffer, 4))
WRITER(writev, writev(fd, &part, 1))
WRITER(pwritev2, pwritev2(fd, &part, 1, -1, 0))
WRITER(pwritev64v2, pwritev64v2(fd, &part, 1, -1, 0))
WRITER(send, send(fd, buffer, 4, 0))
WRITER(__send, __send(fd, buffer, 4, 0))
WRITER(sendto, sendto(fd, buffer, 4, 0, NULL, 0))
WRITER(sendmsg,
       sendmsg(fd, &(struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 }, 0))
WRITER(sendmmsg, sendmmsg(fd,
			  &(struct mmsghdr){ .msg_hdr = { .msg_iov = &part,
							  .msg_iovlen = 1 } },
			  1, 0))
WRITER(sendfile, sendfile(fd, file_with_text(), NULL, 4))
WRITER(sendfile64, sendfile64(fd, file_with_text(), NULL, 4))
WRITER(splice, splice_out(fd))

/* --- closing: the FIN goes out -------------------------------------------- */

static void close_client(const char *name, const char *result,
			 void (*function)(int))
{
	struct pair pair = make_pair();

	function(pair.client);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "fd %d ", pair.client);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: %s() = %s, FIN sent",
	     shown(name), result);
}

#define CLOSER(name, call)                           \
	static void by_##name(int fd)                \
	{                                            \
		call;                                \
	}                                            \
	static void do_##name(void)                  \
	{                                            \
		close_client(#name, "0", by_##name); \
	}

CLOSER(close, CHECK(close(fd) == 0))
CLOSER(__close, CHECK(__close(fd) == 0))
CLOSER(close_range,
       CHECK(close_range((unsigned int)fd, (unsigned int)fd, 0) == 0))
CLOSER(fclose, CHECK(fclose(fdopen(fd, "r+")) == 0))
CLOSER(freopen, CHECK(freopen("/dev/null", "r", fdopen(fd, "r+")) != NULL))
CLOSER(freopen64, CHECK(freopen64("/dev/null", "r", fdopen(fd, "r+")) != NULL))

static void do_closefrom(void)
{
	struct pair pair = make_pair();
	int high = fcntl(pair.client, F_DUPFD, 500);

	CHECK(high >= 500);
	CHECK(close(pair.client) == 0);
	closefrom(500);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: closefrom() = 0, FIN sent");
}

/* --- copies of a descriptor ----------------------------------------------- */

/* The first close ends nothing, the second one does. */
static void copy_client(int (*function)(int))
{
	struct pair pair = make_pair();
	int copy = function(pair.client);

	CHECK(copy >= 0 && copy != pair.client);
	CHECK(close(pair.client) == 0);
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	tell("refuse", "fd %d 127.0.0.1:%d -> 127.0.0.1:%d ESTABLISHED",
	     pair.client, port_of(copy), port_of(pair.listener));
	CHECK(close(copy) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "fd %d ", copy);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

#define COPIER(name, call)              \
	static int by_##name(int fd)    \
	{                               \
		return call;            \
	}                               \
	static void do_##name(void)     \
	{                               \
		copy_client(by_##name); \
	}

COPIER(dup, dup(fd))
COPIER(dup2, dup2(fd, 40))
COPIER(__dup2, __dup2(fd, 40))
COPIER(dup3, dup3(fd, 40, O_CLOEXEC))
COPIER(fcntl, fcntl(fd, F_DUPFD_CLOEXEC, 40))
COPIER(__fcntl, __fcntl(fd, F_DUPFD, 40))
COPIER(fcntl64, fcntl64(fd, F_DUPFD, 40))

static void do_fdopen(void)
{
	struct pair pair = make_pair();
	FILE *stream = fdopen(pair.client, "w");

	CHECK(stream && fputs("unseen", stream) >= 0 && fflush(stream) == 0);
	CHECK(read(pair.server, buffer, sizeof(buffer)) == 6);
	CHECK(fclose(stream) == 0);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: fclose() = 0, FIN sent");
}

static void do_pidfd_getfd(void)
{
	struct pair pair = make_pair();
	int pidfd = pidfd_open(getpid(), 0);
	int copy = pidfd_getfd(pidfd, pair.client, 0);

	CHECK(copy >= 0);
	CHECK(shutdown(copy, SHUT_WR) == 0);
	tell("expect", "fd %d ", copy);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
}

/* --- the life of a socket ------------------------------------------------- */

static void do_socket(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	CHECK(fd >= 0 && listen(fd, 1) == 0);
	tell("expect", "fd %d [::]:", fd);
	tell("expect", "CLOSED -> LISTEN: listen() = 0");
}

static void do_socketpair(void)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(write(pair[0], "x", 1) == 1);
	CHECK(read(pair[1], buffer, 1) == 1);
	CHECK(close(pair[0]) == 0 && read(pair[1], buffer, 1) == 0);
	tell("silent", "none of it is TCP");
}

static void do_bind(void)
{
	struct pair pair = make_pair();
	struct sockaddr_in address = loopback(port_of(pair.listener));
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1);
	CHECK(errno == EADDRINUSE);
	tell("expect",
	     "error: bind() = -1 EADDRINUSE: 127.0.0.1:%d is already "
	     "in use [address-in-use]",
	     port_of(pair.listener));
	tell("expect",
	     "holder: listener LISTEN 127.0.0.1:%d pid %d (calls) "
	     "fd %d",
	     port_of(pair.listener), getpid(), pair.listener);
}

static void do_bindresvport(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = { .sin_family = AF_INET };

	if (bindresvport(fd, &address) < 0 && errno == EACCES)
		skip("needs root for a reserved port");
	CHECK(listen(fd, 1) == 0);
	tell("expect", "fd %d 0.0.0.0:%d -- - CLOSED -> LISTEN", fd,
	     port_of(fd));
	tell("refuse", "[no-reuseaddr]");
}

static void do_listen(void)
{
	int fd = listener_on(0);

	tell("expect",
	     "fd %d 127.0.0.1:%d -- - CLOSED -> LISTEN: listen() = "
	     "0, waiting for connections",
	     fd, port_of(fd));
	CHECK(listen(fd, 3) == 0);
	CHECK(close(fd) == 0);
	tell("path", "%d CLOSED>LISTEN>CLOSED", fd);
}

static void connect_with(int (*function)(int, const struct sockaddr *,
					 socklen_t),
			 const char *name)
{
	int listener = listener_on(0);
	struct sockaddr_in address = loopback(port_of(listener));
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(function(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	tell("expect", "CLOSED -> SYN_SENT: %s() = 0, SYN sent", name);
	tell("expect",
	     "SYN_SENT -> ESTABLISHED: %s() = 0, the peer has "
	     "accepted",
	     name);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", fd);
}

static int plain_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	return connect(fd, address, size);
}

static void do_connect(void)
{
	connect_with(plain_connect, "connect");
}

static void do___connect(void)
{
	connect_with(__connect, "connect");
}

static void accept_with(bool four)
{
	int listener = listener_on(0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int fd;

	CHECK(connect_to(client, port_of(listener)) == 0);
	fd = four ? accept4(listener, NULL, NULL, SOCK_CLOEXEC)
		  : accept(listener, NULL, NULL);
	CHECK(fd >= 0);
	tell("expect",
	     "127.0.0.1:%d <- 127.0.0.1:%d LISTEN -> SYN_RCVD: SYN "
	     "received (inferred)",
	     port_of(listener), port_of(client));
	tell("expect",
	     "SYN_RCVD -> ESTABLISHED: %s() = %d, the handshake is "
	     "complete",
	     four ? "accept4" : "accept", fd);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED", fd);
}

static void do_accept(void)
{
	accept_with(false);
}

static void do_accept4(void)
{
	accept_with(true);
}

static void do_shutdown(void)
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.client, SHUT_RD) == 0);
	CHECK(shutdown(pair.client, SHUT_RDWR) == 0);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
}

/* A visible call learns how a non-blocking connect ended. */
static void complete_with(const char *name, int (*function)(int))
{
	int listener = listener_on(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	CHECK(connect_to(fd, port_of(listener)) == -1);
	CHECK(errno == EINPROGRESS);
	wait_events(fd, POLLOUT);
	CHECK(function(fd) == 0);
	tell("expect",
	     "SYN_SENT -> ESTABLISHED: the peer has accepted "
	     "(kernel, seen at %s())",
	     name);
}

static int ask_error(int fd)
{
	int error = -1;
	socklen_t length = sizeof(error);

	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
	return error;
}

static int ask_unread(int fd)
{
	int bytes = -1;

	CHECK(ioctl(fd, FIONREAD, &bytes) == 0);
	return bytes;
}

static int set_nodelay(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int ask_name(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &length);
}

static int ask_peer(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	return getpeername(fd, (struct sockaddr *)&address, &length);
}

#define COMPLETER(name, function)               \
	static void do_##name(void)             \
	{                                       \
		complete_with(#name, function); \
	}

COMPLETER(getsockopt, ask_error)
COMPLETER(setsockopt, set_nodelay)
COMPLETER(getsockname, ask_name)
COMPLETER(getpeername, ask_peer)
COMPLETER(ioctl, ask_unread)

/* --- processes ------------------------------------------------------------ */

/* The child lives until the pipe is closed, holding the connection. */
static int held_pipe[2];

static void end_child(pid_t child)
{
	close(held_pipe[1]);
	CHECK(child <= 0 || waitpid(child, NULL, 0) == child);
}

static void hold_in_child(void)
{
	close(held_pipe[1]);
	CHECK(read(held_pipe[0], buffer, 1) == 0);
	_exit(0);
}

/* The parent's close ends nothing while the child holds the socket. */
static void fork_with(pid_t (*function)(void))
{
	struct pair pair = make_pair();
	pid_t child;

	CHECK(pipe(held_pipe) == 0);
	child = function();
	if (child == 0)
		hold_in_child();
	CHECK(close(pair.client) == 0);
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	end_child(child);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
}

static pid_t fork_terminal(void)
{
	int terminal;

	return forkpty(&terminal, NULL, NULL, NULL);
}

static pid_t spawn(bool path)
{
	char *argv[] = { "cat", NULL };
	extern char **environ;
	posix_spawn_file_actions_t actions;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, held_pipe[0], 0);
	posix_spawn_file_actions_addclose(&actions, held_pipe[1]);
	if (path)
		CHECK(posix_spawn(&child, "/bin/cat", &actions, NULL, argv,
				  environ) == 0);
	else
		CHECK(posix_spawnp(&child, "cat", &actions, NULL, argv,
				   environ) == 0);
	return child;
}

static pid_t spawn_path(void)
{
	return spawn(true);
}

static pid_t spawn_search(void)
{
	return spawn(false);
}

/* On borrowed memory, up to the exec: what it closes is not the parent's. */
static int become_cat(void *client)
{
	if (client)
		close(*(int *)client);
	dup2(held_pipe[0], 0);
	close(held_pipe[1]);
	execl("/bin/cat", "cat", NULL);
	_exit(9);
}

static pid_t vfork_cat(void)
{
	pid_t child = vfork();

	if (child == 0)
		become_cat(NULL);
	return child;
}

static pid_t __vfork_cat(void)
{
	pid_t child = __vfork();

	if (child == 0)
		become_cat(NULL);
	return child;
}

static char child_stack[65536] __attribute__((aligned(16)));

static int hold_in_clone(void *unused)
{
	(void)unused;
	hold_in_child();
	return 0;
}

static pid_t clone_child(void)
{
	return clone(hold_in_clone, child_stack + sizeof(child_stack), SIGCHLD,
		     NULL);
}

static pid_t clone_cat(void)
{
	return __clone(become_cat, child_stack + sizeof(child_stack),
		       CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
}

/* The same, where the child closes what is the parent's too. */
static void do___clone(void)
{
	struct pair pair = make_pair();
	pid_t child;

	fork_with(clone_cat);
	CHECK(pipe(held_pipe) == 0);
	child = clone(become_cat, child_stack + sizeof(child_stack),
		      CLONE_VM | CLONE_VFORK | SIGCHLD, &pair.client);
	end_child(child);
	CHECK(write(pair.client, "x", 1) == 1);
	CHECK(close(pair.client) == 0);
	tell("expect", "fd %d ", pair.client);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

#define FORKER(name, function)       \
	static void do_##name(void)  \
	{                            \
		fork_with(function); \
	}

FORKER(fork, fork)
FORKER(__fork, __fork)
FORKER(_Fork, _Fork)
FORKER(vfork, vfork_cat)
FORKER(__vfork, __vfork_cat)
FORKER(clone, clone_child)
FORKER(forkpty, fork_terminal)
FORKER(posix_spawn, spawn_path)
FORKER(posix_spawnp, spawn_search)

static void do_popen(void)
{
	struct pair pair = make_pair();
	FILE *stream = popen("read line", "w");

	CHECK(close(pair.client) == 0);
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	CHECK(pclose(stream) >= 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
}

static void do_system(void)
{
	struct pair pair = make_pair();

	CHECK(system("true") == 0);
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	CHECK(close(pair.client) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
}

/* The demon holds the listener of the process that has gone. */
static void do_daemon(void)
{
	int listener = listener_on(0);
	int report[2];
	pid_t child;

	CHECK(pipe(report) == 0);
	child = fork();
	if (child == 0) {
		CHECK(daemon(1, 1) == 0);
		CHECK(shutdown(listener, SHUT_RD) == 0);
		CHECK(write(report[1], "x", 1) == 1);
		_exit(0);
	}
	close(report[1]);
	CHECK(read(report[0], buffer, 1) == 1);
	CHECK(waitpid(child, NULL, 0) == child);
	while (read(report[0], buffer, 1) > 0)
		;
	tell("expect", "LISTEN -> CLOSED: shutdown() = 0");
}

/* The terminal takes the place of a socket on descriptor 0. */
static void do_login_tty(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct pair pair = make_pair();
		int master;
		int slave;

		CHECK(dup2(pair.client, 0) == 0);
		CHECK(close(pair.client) == 0);
		CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
		CHECK(login_tty(slave) == 0);
		CHECK(isatty(0));
		_exit(kernel_state(pair.server) == TCP_CLOSE_WAIT ? 0 : 1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	tell("expect", "ESTABLISHED -> ");
}

/*
 * The program that is executed is this one again: it finds the listener that it
 * inherited, and shuts it.
 */
static char listener_number[16];
static char *again[] = { "calls", "inherited", listener_number, NULL };
extern char **environ;

static void exec_with(void (*function)(void))
{
	int listener = listener_on(0);
	int status;
	pid_t child;

	snprintf(listener_number, sizeof(listener_number), "%d", listener);
	child = fork();
	if (child == 0) {
		function();
		_exit(9);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	tell("expect", "LISTEN -> CLOSED: shutdown() = 0, no longer listening");
}

static int run_inherited(const char *number)
{
	int fd = atoi(number);

	/* Two names: where it is, and how it can be found. */
	return shutdown(fd, SHUT_RD) == 0 ? 0 : 1;
}

#define EXECUTOR(name, call)          \
	static void by_##name(void)   \
	{                             \
		call;                 \
	}                             \
	static void do_##name(void)   \
	{                             \
		exec_with(by_##name); \
	}

EXECUTOR(execve, execve(self, again, environ))
EXECUTOR(execv, execv(self, again))
EXECUTOR(execvp, execvp(self, again))
EXECUTOR(execvpe, execvpe(self, again, environ))
EXECUTOR(execl, execl(self, "calls", "inherited", listener_number, NULL))
EXECUTOR(execlp, execlp(self, "calls", "inherited", listener_number, NULL))
EXECUTOR(execle,
	 execle(self, "calls", "inherited", listener_number, NULL, environ))
EXECUTOR(fexecve, fexecve(open(self, O_RDONLY | O_CLOEXEC), again, environ))
EXECUTOR(execveat, execveat(AT_FDCWD, self, again, environ, 0))

/* An end that runs no destructor still settles what is open. */
static void end_with(void (*function)(int))
{
	struct pair pair = make_pair();

	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	wait_state(pair.server, TCP_CLOSE_WAIT);
	tell("expect", "fd %d ", pair.server);
	tell("expect", "ESTABLISHED -> CLOSE_WAIT: the peer has closed "
		       "(kernel, seen at ");
	fflush(NULL);
	function(0);
}

static void do__exit(void)
{
	end_with(_exit);
}

static void do__Exit(void)
{
	end_with(_Exit);
}

static void do_quick_exit(void)
{
	end_with(quick_exit);
}

/* A filter that allows everything still ends our own questions. */
static struct sock_filter allow[] = {
	{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
};
static struct sock_fprog allow_all = { .len = 1, .filter = allow };

static void *close_in_own_table(void *argument)
{
	CHECK(unshare(CLONE_FILES) == 0);
	CHECK(close(*(int *)argument) == 0);
	return NULL;
}

/* To where it is already: nothing of it is lost from sight but by looking. */
static void do_setns(void)
{
	struct pair pair = make_pair();
	int here = open("/proc/self/ns/net", O_RDONLY);

	CHECK(here >= 0);
	CHECK(setns(-1, CLONE_NEWNET) == -1 && errno == EBADF);
	CHECK(setns(here, CLONE_NEWNET) == 0 || errno == EPERM);
	CHECK(close(pair.server) == 0);
	tell("path", "%d LISTEN>SYN_RCVD>ESTABLISHED>FIN_WAIT_1", pair.server);
}

static void do_unshare(void)
{
	struct pair pair = make_pair();
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, close_in_own_table, &pair.client) ==
	      0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(kernel_state(pair.server) == TCP_ESTABLISHED);
	tell("path", "%d CLOSED>SYN_SENT>ESTABLISHED", pair.client);
}

static void do_prctl(void)
{
	struct pair pair = make_pair();

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &allow_all) == 0);
	CHECK(close(pair.client) == 0);
	tell("expect", "[blind-spot]");
	tell("refuse", "FIN_WAIT_1");
}

/* libuv closes so. */
static void do_syscall(void)
{
	struct pair pair = make_pair();
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);

	CHECK(syscall(SYS_close, pair.client) == 0);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: close() = 0, FIN sent");
	CHECK(syscall(SYS_listen, fd, 1) == 0);
	tell("expect", "fd %d 0.0.0.0:%d -- - CLOSED -> LISTEN", fd,
	     port_of(fd));
	CHECK(syscall(SYS_read, pair.server, buffer, 1) == 0);
	tell("expect", "ESTABLISHED -> CLOSE_WAIT: read() = 0, the peer has "
		       "closed");
}

static const struct scenario scenarios[] = {
#define CALL(symbol, kind, flags) { #symbol, do_##symbol },
#include "model/calls.def"
#undef CALL
};

int main(int argc, char **argv)
{
	static char path[512];

	CHECK(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	self = path;
	if (argc == 3)
		return run_inherited(argv[2]);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
