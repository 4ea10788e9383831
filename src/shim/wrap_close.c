#include <linux/close_range.h>

#include "shim/closing.h"
#include "shim/wrap.h"

/*
 * A number that was a socket's. If it can be closed it has been given to
 * somebody meanwhile, to a file as a rule, and is free again; only else there
 * is something to ask.
 */
static int close_buried(int fd, uint64_t entry, const void *place)
{
	int result = real_calls()->close(fd);
	int saved = errno;

	if (result == 0 && process_owns_memory())
		table_remove(fd, entry);
	else if (result < 0 && errno == EBADF)
		closing_visit(fd, entry, CALL_close, place);
	closing_note(fd);
	/* Left by a close that never came back. */
	table_vacate(fd);
	errno = saved;
	return result;
}

static OUT_OF_LINE int close_followed(int fd)
{
	struct sight sight = { .call = CALL_close, .place = RETURN_ADDRESS };
	uint64_t ref = table_entry(fd);
	int result;

	if (!is_reference(ref))
		return close_buried(fd, ref, RETURN_ADDRESS);
	closing_note(fd);
	/* Cancelled, it closes nothing: then the entry has to stay. */
	real_test_cancel();
	ref = closing_begin(fd, &sight);
	result = real.close(fd);
	sight = sight_of(CALL_close, result, sight.place);
	closing_end(fd, ref, &sight);
	return result;
}

int close(int fd)
{
	if (unlikely(table_entry(fd) != 0))
		return close_followed(fd);
	closing_note(fd);
	return real.close(fd);
}

int __close(int fd) __attribute__((alias("close")));

int close_range(unsigned int first, unsigned int last, int flags)
{
	struct sight sight = { .call = CALL_close_range,
			       .place = RETURN_ADDRESS };
	uint32_t list;
	int result;

	/* It would fail, or only mark the descriptors. */
	if (first > last || flags & ~(int)CLOSE_RANGE_UNSHARE)
		return real_calls()->close_range(first, last, flags);
	/* The thread gets a table of its own first: what is open is shared. */
	if (flags & (int)CLOSE_RANGE_UNSHARE)
		process_forking();
	list = closing_begin_range(first, last, &sight);
	result = real_calls()->close_range(first, last, flags);
	sight = sight_of(CALL_close_range, result, sight.place);
	closing_end_range(first, last, list, &sight);
	return result;
}

void closefrom(int first)
{
	struct sight sight = { .call = CALL_closefrom,
			       .place = RETURN_ADDRESS };
	unsigned int lowest = first < 0 ? 0 : (unsigned int)first;
	uint32_t list = closing_begin_range(lowest, ~0U, &sight);

	real_calls()->closefrom(first);
	closing_end_range(lowest, ~0U, list, &sight);
}

/*
 * A stream writes what it still holds and closes its descriptor inside libc,
 * where nothing can be seen. fileno() fails on streams without a descriptor.
 */
static int stream_number(FILE *stream)
{
	int saved = errno;
	int fd = fileno(stream);

	errno = saved;
	return fd;
}

int fclose(FILE *stream)
{
	struct sight sight = { .call = CALL_fclose, .place = RETURN_ADDRESS };
	int fd = stream_number(stream);
	uint64_t ref;
	int result;

	if (!followed(fd, CALL_fclose, RETURN_ADDRESS))
		return real_calls()->fclose(stream);
	ref = closing_begin(fd, &sight);
	result = real.fclose(stream);
	sight = sight_of(CALL_fclose, result, sight.place);
	closing_end(fd, ref, &sight);
	return result;
}

static FILE *reopen(FILE *(*function)(const char *, const char *, FILE *),
		    enum call call, const char *path, const char *mode,
		    FILE *stream, const void *place)
{
	struct sight sight = { .call = call, .place = place };
	int fd = stream_number(stream);
	uint64_t ref = closing_begin(fd, &sight);
	FILE *result = function(path, mode, stream);

	sight = sight_of(call, result ? 0 : -1, place);
	closing_end(fd, ref, &sight);
	return result;
}

FILE *freopen(const char *__restrict path, const char *__restrict mode,
	      FILE *__restrict stream)
{
	return reopen(real_calls()->freopen, CALL_freopen, path, mode, stream,
		      RETURN_ADDRESS);
}

FILE *freopen64(const char *__restrict path, const char *__restrict mode,
		FILE *__restrict stream)
{
	return reopen(real_calls()->freopen64, CALL_freopen64, path, mode,
		      stream, RETURN_ADDRESS);
}
