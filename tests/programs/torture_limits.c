/* build: -pthread */
/* Too little of everything: memory, descriptors, room in files and in pipes. */
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "torture.h"

static void limit(int resource, rlim_t value)
{
	struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

	CHECK(setrlimit((enum __rlimit_resource)resource, &limit) == 0);
}

static void talk(int count)
{
	for (int i = 0; i < count; i++) {
		struct pair pair = make_pair();

		exchange(&pair, i);
		end_pair(&pair);
	}
}

/* --- memory ----------------------------------------------------------------- */

/* Not a page more than the process has: mmap() fails from here on. */
static void no_address_space_left(void)
{
	enum { MANY = 400 };
	static struct pair pairs[MANY];

	limit(RLIMIT_NOFILE, 2000);
	limit(RLIMIT_AS, 4096);
	talk(5);
	/* More than one block of the library's records. */
	for (int i = 0; i < MANY; i++)
		pairs[i] = make_pair();
	for (int i = 0; i < MANY; i++)
		exchange(&pairs[i], i);
	for (int i = 0; i < MANY; i++)
		end_pair(&pairs[i]);
	CHECK(dup2(0, 1999) == 1999);
	SHOW(close(1999));
	SHOW(close(1999));
	printf("intact\n");
}

static void no_data_and_no_locked_memory(void)
{
	limit(RLIMIT_DATA, 0);
	limit(RLIMIT_MEMLOCK, 0);
	talk(20);
	printf("intact\n");
}

static void *talk_in_thread(void *unused)
{
	struct pair pair;

	(void)unused;
	talk(times(20));
	/* A finding takes the most. */
	signal(SIGPIPE, SIG_IGN);
	pair = make_pair();
	close(pair.server);
	wait_events(pair.client, POLLRDHUP);
	(void)!write(pair.client, "x", 1);
	wait_events(pair.client, POLLERR);
	(void)!write(pair.client, "x", 1);
	(void)!write(pair.client, "x", 1);
	close(pair.client);
	close(pair.listener);
	return NULL;
}

static void threads_with_the_smallest_stack(void)
{
	pthread_t threads[4];
	pthread_attr_t attributes;

	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], &attributes, talk_in_thread,
				     NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	printf("intact\n");
}

/*
 * The same call, the same callers, and return addresses at other distances. A
 * connection that is refused is a finding, with its stack.
 */
static __attribute__((noinline)) void *refused_below_locals(void *argument)
{
	const size_t *size = argument;
	volatile char locals[*size];
	struct sockaddr_in nobody = { .sin_family = AF_INET };
	socklen_t length = sizeof(nobody);
	int bound = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	locals[0] = 0;
	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(bound, (struct sockaddr *)&nobody, length) == 0);
	CHECK(getsockname(bound, (struct sockaddr *)&nobody, &length) == 0);
	SHOW(connect(fd, (struct sockaddr *)&nobody, length));
	SHOW(close(fd));
	CHECK(close(bound) == 0);
	return locals[0] ? argument : NULL;
}

static void *wait_below_nothing(void *argument)
{
	pthread_barrier_wait(argument);
	return NULL;
}

/* What lies above the second one's stack is the guard page of another's. */
static void a_frame_whose_size_differs_from_call_to_call(void)
{
	size_t sizes[] = { 6000, 16 };
	pthread_barrier_t end;
	pthread_t above;
	pthread_t below;

	/* The library has what memory it needs: the stacks are neighbours. */
	refused_below_locals(&sizes[1]);
	CHECK(pthread_create(&below, NULL, refused_below_locals, &sizes[0]) ==
	      0);
	CHECK(pthread_join(below, NULL) == 0);
	CHECK(pthread_barrier_init(&end, NULL, 2) == 0);
	CHECK(pthread_create(&above, NULL, wait_below_nothing, &end) == 0);
	CHECK(pthread_create(&below, NULL, refused_below_locals, &sizes[1]) ==
	      0);
	CHECK(pthread_join(below, NULL) == 0);
	pthread_barrier_wait(&end);
	CHECK(pthread_join(above, NULL) == 0);
	printf("intact\n");
}

/* The stack of a coroutine, what lies above it, and a thread's small one. */
enum { COROUTINE = 64 << 10, BETWEEN = 16 << 10, SMALL = 32 << 10 };

static char *neighbours;
static ucontext_t thread_context;

/* Has its locals reach down to an address, so that the call is made there. */
static __attribute__((noinline)) void refused_at(const char *low)
{
	size_t size = (size_t)((char *)__builtin_frame_address(0) - low) & ~15U;
	volatile char locals[size];
	size_t small = 16;

	locals[0] = 0;
	refused_below_locals(&small);
	locals[0]++;
}

static __attribute__((noinline)) void called_at(const char *high)
{
	size_t size = (size_t)((char *)__builtin_frame_address(0) - high) &
		      ~15U;
	volatile char locals[size];

	locals[0] = 0;
	refused_at(neighbours + COROUTINE / 2);
	locals[0]++;
}

static void *call_between(void *unused)
{
	called_at(neighbours + COROUTINE + BETWEEN - 1024);
	return unused;
}

static void run_coroutine(void)
{
	refused_at(neighbours + COROUTINE / 2);
}

static void *start_coroutine(void *unused)
{
	ucontext_t coroutine;

	CHECK(getcontext(&coroutine) == 0);
	coroutine.uc_stack.ss_sp = neighbours;
	coroutine.uc_stack.ss_size = COROUTINE;
	coroutine.uc_link = &thread_context;
	makecontext(&coroutine, run_coroutine, 0);
	CHECK(swapcontext(&thread_context, &coroutine) == 0);
	return unused;
}

static void run_on(char *stack, size_t size, void *(*function)(void *))
{
	pthread_attr_t attributes;
	pthread_t thread;

	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstack(&attributes, stack, size) == 0);
	CHECK(pthread_create(&thread, &attributes, function, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

/*
 * Once the whole is a thread's stack, with a return address in what lies
 * between; then nothing is there, and the same call comes from a coroutine.
 */
static void a_coroutine_close_below_a_small_stack(void)
{
	size_t size = COROUTINE + BETWEEN + SMALL;

	neighbours = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(neighbours != MAP_FAILED);
	run_on(neighbours, size, call_between);
	CHECK(mprotect(neighbours + COROUTINE, BETWEEN, PROT_NONE) == 0);
	run_on(neighbours + COROUTINE + BETWEEN, SMALL, start_coroutine);
	printf("intact\n");
}

/* --- descriptors ------------------------------------------------------------ */

/* As many as are needed, and not one more: each socket gets its number. */
static void just_enough_descriptors(void)
{
	enum { FIRST = 3 };

	CHECK(close_range(FIRST, ~0U, 0) == 0);
	limit(RLIMIT_NOFILE, FIRST + 3);
	for (int i = 0; i < times(50); i++) {
		struct pair pair = make_pair();

		CHECK(pair.listener == FIRST && pair.client == FIRST + 1 &&
		      pair.server == FIRST + 2);
		exchange(&pair, i);
		CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EMFILE);
		CHECK(accept(pair.listener, NULL, NULL) == -1 &&
		      errno == EMFILE);
		CHECK(dup(pair.client) == -1 && errno == EMFILE);
		end_pair(&pair);
	}
	printf("%d open\n", open_descriptors());
}

static void no_descriptor_may_be_made_at_all(void)
{
	struct pair pair = make_pair();

	limit(RLIMIT_NOFILE, 0);
	exchange(&pair, 1);
	SHOW(socket(AF_INET, SOCK_STREAM, 0));
	SHOW(dup2(pair.client, pair.server));
	exchange(&pair, 2);
	end_pair(&pair);
	SHOW(close(pair.client));
}

/* --- files ------------------------------------------------------------------ */

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void no_file_may_grow(void)
{
	/* So is what it prints: the status has to do. */
	tell("silent", "the log is a file");
	signal(SIGXFSZ, count_signal);
	limit(RLIMIT_FSIZE, 0);
	talk(20);
	CHECK(signals == 0);
	/* What the signal meant for the program still means it. */
	CHECK(write(memfd_create("file", 0), "x", 1) == -1 && errno == EFBIG);
	CHECK(signals == 1);
}

static void standard_error_to(int fd)
{
	CHECK(fd >= 0 && dup2(fd, 2) == 2);
}

static char **arguments;

/* The library looks at descriptor 2 when it starts: so start again. */
static void start_again(void)
{
	CHECK(setenv("TORTURE_AGAIN", "1", 1) == 0);
	execv(arguments[0], arguments);
	CHECK(!"execv");
}

static void standard_error_is_full(void)
{
	if (!getenv("TORTURE_AGAIN")) {
		standard_error_to(open("/dev/full", O_WRONLY));
		start_again();
	}
	talk(20);
	SHOW(write(2, "x", 1));
}

/* A parent that reads its child's errors only when the child has ended. */
static void standard_error_that_nobody_reads(void)
{
	int pipes[2];
	char sink[65536];
	long total = 0;
	ssize_t got;
	int status;
	pid_t child;

	CHECK(pipe(pipes) == 0);
	child = fork();
	if (child == 0) {
		standard_error_to(pipes[1]);
		CHECK(setenv("TORTURE_AGAIN", "1", 1) == 0);
		execl(arguments[0], arguments[0], "talk_with_errors", NULL);
		_exit(9);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	close(pipes[1]);
	while ((got = read(pipes[0], sink, sizeof(sink))) > 0)
		total += got;
	CHECK(total >= 6);
	printf("ended\n");
}

/* What the child of the one above does. */
static void talk_with_errors(void)
{
	fputs("before", stderr);
	talk(150);
}

static void broken_pipe_on_standard_error_in_threads(void)
{
	int pipes[2];

	if (!getenv("TORTURE_AGAIN")) {
		CHECK(pipe(pipes) == 0);
		standard_error_to(pipes[1]);
		close(pipes[0]);
		close(pipes[1]);
		start_again();
	}
	signal(SIGPIPE, count_signal);
	run_threads(4, talk_in_thread);
	SHOW(signals);
}

/* --- signals ---------------------------------------------------------------- */

static void no_room_for_pending_signals(void)
{
	struct timespec now = { .tv_sec = 0 };
	struct pair pair;
	siginfo_t info;
	sigset_t set;

	limit(RLIMIT_SIGPENDING, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pair = make_pair();
	close(pair.server);
	wait_events(pair.client, POLLRDHUP);
	SHOW(write(pair.client, "x", 1));
	wait_events(pair.client, POLLERR);
	signal(SIGPIPE, count_signal);
	SHOW(write(pair.client, "x", 1));
	SHOW(signals);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	SHOW(write(pair.client, "x", 1));
	SHOW(sigtimedwait(&set, &info, &now));
	SHOW(info.si_code);
	SHOW(info.si_pid == getpid());
	SHOW(sigtimedwait(&set, &info, &now));
}

#define S(name)             \
	{                   \
#name, name \
	}

static const struct scenario scenarios[] = {
	S(no_address_space_left),
	S(no_data_and_no_locked_memory),
	S(threads_with_the_smallest_stack),
	S(a_frame_whose_size_differs_from_call_to_call),
	S(a_coroutine_close_below_a_small_stack),
	S(just_enough_descriptors),
	S(no_descriptor_may_be_made_at_all),
	S(no_file_may_grow),
	S(standard_error_is_full),
	S(standard_error_that_nobody_reads),
	S(talk_with_errors),
	S(broken_pipe_on_standard_error_in_threads),
	S(no_room_for_pending_signals),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	arguments = argv;
	return run_scenario(scenarios, SCENARIO_COUNT(scenarios), argc, argv);
}
