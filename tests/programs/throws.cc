/* build: -ldl */
/*
 * Exceptions through hooks: out of a signal handler that interrupts a blocked
 * read is not allowed, but cancellation runs destructors, and a module that is
 * loaded later throws and is caught as ever.
 */
#include <dlfcn.h>
#include <atomic>
#include <cstdio>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

struct cleaner {
	const char *name;
	~cleaner()
	{
		printf("destroyed %s\n", name);
	}
};

static int ends[2];
static std::atomic<pid_t> blocked_thread;

static void *blocked(void *)
{
	cleaner outer = { "outer" };
	char byte;

	blocked_thread = gettid();
	(void)!read(ends[0], &byte, 1);
	return nullptr;
}

static void wait_until_it_sleeps()
{
	char path[64];
	char state = 0;

	while (!blocked_thread)
		sched_yield();
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
		 (int)blocked_thread);
	while (state != 'S') {
		FILE *file = fopen(path, "r");

		if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (file)
			fclose(file);
		sched_yield();
	}
}

static int thrower(int depth)
{
	cleaner inner = { "inner" };

	if (depth == 0) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		listen(fd, 1);
		close(fd);
		throw std::runtime_error("thrown");
	}
	return thrower(depth - 1) + 1;
}

int main()
{
	sockaddr_in address = {};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	listen(listener, 1);
	getsockname(listener, (sockaddr *)&address, &length);
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	connect(ends[1], (sockaddr *)&address, length);
	ends[0] = accept(listener, nullptr, nullptr);
	pthread_create(&thread, nullptr, blocked, nullptr);
	wait_until_it_sleeps();
	pthread_cancel(thread);
	pthread_join(thread, nullptr);
	try {
		thrower(2);
	} catch (const std::exception &error) {
		printf("caught %s\n", error.what());
	}
	return 0;
}
