/* build: -pthread */
/*
 * Calls that are interrupted at any place: by handlers that make the same
 * calls, by handlers that jump out, by cancellation. On small stacks, too.
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "torture.h"

static void ring_every(int microseconds, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	struct itimerval interval = {
		.it_interval = { .tv_usec = microseconds },
		.it_value = { .tv_usec = microseconds },
	};

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
}

static void silence(void)
{
	struct itimerval none = { .it_value = { .tv_usec = 0 } };

	CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0);
	signal(SIGALRM, SIG_IGN);
}

/* --- nothing to write ------------------------------------------------------- */

static struct pair dead_pair(bool with_reset)
{
	struct pair pair = make_pair();

	if (with_reset) {
		reset(pair.server);
	} else {
		CHECK(close(pair.server) == 0);
		wait_events(pair.client, POLLRDHUP);
		CHECK(write(pair.client, "x", 1) == 1);
	}
	wait_events(pair.client, POLLERR);
	return pair;
}

static void show_empty_writes(int fd)
{
	struct iovec parts[2] = { { "", 0 }, { "", 0 } };

	SHOW(writev(fd, parts, 2));
	SHOW(writev(fd, parts, 0));
	SHOW(pwritev2(fd, parts, 2, -1, 0));
	SHOW(write(fd, "", 0));
	SHOW(writev(fd, parts, 1));
}

static void empty_writev_on_connections_that_are_gone(void)
{
	struct pair pair;
	int fresh = socket(AF_INET, SOCK_STREAM, 0);

	signal(SIGPIPE, SIG_IGN);
	show_empty_writes(fresh);
	pair = dead_pair(false);
	show_empty_writes(pair.client);
	pair = make_pair();
	CHECK(shutdown(pair.client, SHUT_WR) == 0);
	show_empty_writes(pair.client);
	pair = dead_pair(true);
	SHOW(recv(pair.client, "", 0, 0));
	show_empty_writes(pair.client);
}

static void empty_writev_raises_no_signal(void)
{
	struct iovec part = { "", 0 };
	struct pair pair = dead_pair(false);

	SHOW(writev(pair.client, &part, 1));
	printf("alive\n");
	part.iov_len = 1;
	writev(pair.client, &part, 1);
	printf("not reached\n");
}

/* --- handlers --------------------------------------------------------------- */

static volatile sig_atomic_t rung;
static __thread volatile sig_atomic_t depth;

/* A whole connection, inside of whatever was interrupted. */
static void connect_in_handler(int number)
{
	int saved = errno;
	struct pair pair;

	(void)number;
	if (depth > 2)
		return;
	depth++;
	rung++;
	pair = patient_pair();
	exchange(&pair, (unsigned int)rung);
	close(pair.client);
	close(pair.server);
	close(pair.listener);
	depth--;
	errno = saved;
}

static void *connect_in_thread(void *seed)
{
	int count = times(150);

	for (int i = 0; i < count; i++) {
		struct pair pair = patient_pair();

		exchange(&pair, (unsigned int)(long)seed * 100 + i);
		close(pair.client);
		close(pair.server);
		close(pair.listener);
	}
	return NULL;
}

static void handlers_that_connect_inside_of_connects(void)
{
	ring_every(300, connect_in_handler, SA_NODEFER);
	run_threads(3, connect_in_thread);
	silence();
	printf("intact %d, %d open\n", rung > 0, open_descriptors());
}

/* Every failing write raises SIGPIPE, whose handler writes, and so on. */
static int doomed;

static void write_in_handler(int number)
{
	int saved = errno;

	(void)number;
	if (depth < 20) {
		depth++;
		CHECK(write(doomed, "x", 1) == -1 && errno == EPIPE);
		depth--;
	}
	rung++;
	errno = saved;
}

static void sigpipe_handlers_that_write_again(void)
{
	struct sigaction action = { .sa_handler = write_in_handler,
				    .sa_flags = SA_NODEFER };

	doomed = dead_pair(false).client;
	CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
	SHOW(write(doomed, "x", 1));
	printf("rung %d\n", rung);
}

/* --- jumps ------------------------------------------------------------------ */

static __thread sigjmp_buf jump;
static __thread volatile sig_atomic_t may_jump;

static void jump_out(int number)
{
	(void)number;
	if (may_jump) {
		may_jump = 0;
		siglongjmp(jump, 1);
	}
}

static void print_blocked(void)
{
	sigset_t mask;

	CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
	for (int i = 1; i < 32; i++) {
		if (sigismember(&mask, i))
			printf("blocked: %d\n", i);
	}
}

/*
 * Jumps out of whatever was going on, without the mask that sigsetjmp can keep:
 * the handler runs with SA_NODEFER, so there is nothing to restore. What was
 * open then is known by its number, and is closed.
 */
static void jumps_out_of_anything(void)
{
	int count = times(400);
	int before = open_descriptors();
	static volatile int fds[4];
	int leaked = 0;

	signal(SIGPIPE, SIG_IGN);
	for (volatile int i = 0; i < count; i++) {
		for (int j = 0; j < 4; j++)
			fds[j] = -1;
		if (sigsetjmp(jump, 0) == 0) {
			ring_every(50 + i % 400, jump_out, SA_NODEFER);
			may_jump = 1;
			for (;;) {
				char byte;

				fds[0] = listener_on(0);
				fds[1] = socket(AF_INET, SOCK_STREAM, 0);
				CHECK(connect_to(fds[1], port_of(fds[0])) == 0);
				fds[2] = accept(fds[0], NULL, NULL);
				close(fds[2]);
				(void)!write(fds[1], "x", 1);
				(void)!write(fds[1], "x", 1);
				(void)!read(fds[1], &byte, 1);
				close(fds[1]);
				close(fds[0]);
				close(fds[1]);
			}
		}
		silence();
		close_range(3, 2000, 0);
	}
	for (int fd = 0; fd < 2000; fd++)
		leaked += fcntl(fd, F_GETFD) >= 0;
	printf("%d\n", leaked - before);
	print_blocked();
}

/* The same, and the program closes only what it knows of. */
static void jumps_leave_no_descriptor_behind(void)
{
	int count = times(1500);
	struct pair pair = make_pair();
	int before;

	signal(SIGPIPE, SIG_IGN);
	before = open_descriptors();
	for (volatile int i = 0; i < count; i++) {
		if (sigsetjmp(jump, 0) == 0) {
			ring_every(40 + i % 100, jump_out, SA_NODEFER);
			may_jump = 1;
			for (;;) {
				/* Says something, and changes nothing. */
				struct sockaddr_in taken =
					loopback(port_of(pair.listener));

				bind(pair.client, (struct sockaddr *)&taken,
				     sizeof(taken));
				shutdown(pair.listener, SHUT_RD);
				listen(pair.listener, 5);
				connect_to(pair.listener, 1);
			}
		}
		silence();
	}
	printf("%d\n", open_descriptors() - before);
	print_blocked();
}

/* --- cancellation ----------------------------------------------------------- */

struct victim {
	struct pair pair;
	int extra;
};

static void close_all(void *argument)
{
	struct victim *victim = argument;

	if (victim->pair.client >= 0)
		close(victim->pair.client);
	if (victim->pair.server >= 0)
		close(victim->pair.server);
	if (victim->pair.listener >= 0)
		close(victim->pair.listener);
}

static void *work_until_cancelled(void *seed)
{
	volatile unsigned int i = (unsigned int)(long)seed;
	struct victim victim = { .pair = { -1, -1, -1 } };

	pthread_cleanup_push(close_all, &victim);
	for (;;) {
		char byte;

		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		victim.pair = make_pair();
		exchange(&victim.pair, i++);
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		if (i % 3 == 0)
			(void)!read(victim.pair.server, &byte, 1);
		if (i % 3 == 1)
			accept(victim.pair.listener, NULL, NULL);
		(void)!write(victim.pair.client, "x", 1);
		(void)!recv(victim.pair.server, &byte, 1, 0);
		(void)!send(victim.pair.server, "x", 1, 0);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		close_all(&victim);
		victim.pair = (struct pair){ -1, -1, -1 };
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancellation_at_any_place(void)
{
	int count = times(60);
	int before = open_descriptors();

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < count; i++) {
		pthread_t threads[4];

		for (long j = 0; j < 4; j++)
			CHECK(pthread_create(&threads[j], NULL,
					     work_until_cancelled,
					     (void *)(i * 10 + j)) == 0);
		/* At another moment of their work each time. */
		poll(NULL, 0, i % 4);
		for (int j = 0; j < 4; j++)
			CHECK(pthread_cancel(threads[j]) == 0);
		for (int j = 0; j < 4; j++) {
			void *result;

			CHECK(pthread_join(threads[j], &result) == 0);
			CHECK(result == PTHREAD_CANCELED);
		}
	}
	printf("%d open\n", open_descriptors() - before);
}

/* Cancelled inside of close(): the descriptor stays open, and is still used. */
static struct pair kept;

static void *close_when_cancelled(void *unused)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	CHECK(pthread_cancel(pthread_self()) == 0);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	close(kept.client);
	return unused;
}

static void close_is_cancelled(void)
{
	pthread_t thread;
	void *result;

	kept = make_pair();
	CHECK(pthread_create(&thread, NULL, close_when_cancelled, NULL) == 0);
	CHECK(pthread_join(thread, &result) == 0);
	printf("cancelled %d\n", result == PTHREAD_CANCELED);
	exchange(&kept, 3);
	tell("expect", "ESTABLISHED -> FIN_WAIT_1: shutdown() = 0, FIN sent");
	SHOW(shutdown(kept.client, SHUT_WR));
	SHOW(close(kept.client));
}

/* --- small stacks ----------------------------------------------------------- */

enum { SMALL = 16384, PATTERN = 0x5a };

static struct pair small_pair;

static void talk_in_handler(int number)
{
	struct pair pair;
	struct sockaddr_in taken;
	char byte;

	(void)number;
	pair.listener = listener_on(0);
	taken = loopback(port_of(pair.listener));
	pair.client = socket(AF_INET, SOCK_STREAM, 0);
	bind(pair.client, (struct sockaddr *)&taken, sizeof(taken));
	connect_to(pair.client, port_of(pair.listener));
	pair.server = accept(pair.listener, NULL, NULL);
	close(pair.server);
	(void)!read(pair.client, &byte, 1);
	(void)!write(pair.client, "x", 1);
	(void)!write(pair.client, "x", 1);
	close(pair.client);
	close(pair.client);
	shutdown(pair.client, SHUT_WR);
	close(pair.listener);
}

/* How much of an alternate stack the calls of a handler take. */
static void handler_on_a_small_stack(void)
{
	char *memory = mmap(NULL, 3 * SMALL, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction action = { .sa_handler = talk_in_handler,
				    .sa_flags = SA_ONSTACK };
	stack_t stack = { .ss_sp = memory + SMALL, .ss_size = SMALL };
	size_t unused = 0;

	CHECK(mprotect(stack.ss_sp, SMALL, PROT_READ | PROT_WRITE) == 0);
	memset(stack.ss_sp, PATTERN, SMALL);
	signal(SIGPIPE, SIG_IGN);
	small_pair = make_pair();
	CHECK(sigaltstack(&stack, NULL) == 0);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(raise(SIGUSR1) == 0);
	while (memory[SMALL + unused] == PATTERN)
		unused++;
	fprintf(stderr, "used %zu\n", SMALL - unused);
	printf("enough\n");
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(empty_writev_on_connections_that_are_gone),
	S(empty_writev_raises_no_signal),
	S(handlers_that_connect_inside_of_connects),
	S(sigpipe_handlers_that_write_again),
	S(jumps_out_of_anything),
	S(jumps_leave_no_descriptor_behind),
	S(cancellation_at_any_place),
	S(close_is_cancelled),
	S(handler_on_a_small_stack),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
