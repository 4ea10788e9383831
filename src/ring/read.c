#include "ring/read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int ring_create(struct ring_reader *reader, uint32_t slot_count, uint64_t run)
{
	size_t size =
		RING_SLOTS_AT + (size_t)slot_count * sizeof(struct ring_slot);
	int fd = memfd_create("tcpshadow", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;
	void *memory;

	if (fd < 0)
		return -errno;
	error = posix_fallocate(fd, 0, (off_t)size);
	if (error != 0) {
		close(fd);
		return -error;
	}
	/* A program of the run that cut it short would kill all the others. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		error = errno;
		close(fd);
		return -error;
	}
	*reader = (struct ring_reader){ .ring = memory,
					.slot_count = slot_count,
					.size = size };
	reader->ring->version = RING_VERSION;
	reader->ring->tables = RING_TABLES;
	reader->ring->slot_count = slot_count;
	reader->ring->run = run;
	reader->ring->magic = RING_MAGIC;
	return fd;
}

void ring_destroy(struct ring_reader *reader)
{
	munmap(reader->ring, reader->size);
	reader->ring = NULL;
}

static struct ring_slot *slot_at(const struct ring_reader *reader,
				 uint64_t number)
{
	struct ring_slot *slots =
		(struct ring_slot *)((char *)reader->ring + RING_SLOTS_AT);

	return &slots[number & (reader->slot_count - 1)];
}

uint64_t ring_end(const struct ring_reader *reader)
{
	uint64_t end = atomic_load(&reader->ring->reserved);

	if (end < reader->next || end - reader->next > reader->slot_count)
		return reader->next;
	return end;
}

uint64_t ring_lost(const struct ring_reader *reader)
{
	return atomic_load(&reader->ring->lost);
}

/* The slots of the record that begins at number; 0: none is published. */
static unsigned int published(const struct ring_reader *reader, uint64_t number,
			      uint64_t end, unsigned int *kind)
{
	uint64_t word = atomic_load_explicit(&slot_at(reader, number)->word,
					     memory_order_acquire);
	unsigned int count = word & 0xff;

	*kind = word >> 16 & 0xff;
	if (count == 0 || number + count > end ||
	    word != ring_word(number, *kind, 0, count))
		return 0;
	for (unsigned int i = 1; i < count; i++) {
		if (atomic_load(&slot_at(reader, number + i)->word) !=
		    ring_word(number + i, *kind, i, count))
			return 0;
	}
	return count;
}

static void release(struct ring_reader *reader, uint64_t next)
{
	reader->next = next;
	atomic_store(&reader->ring->freed, next);
}

/* Over what is not published, up to the next record or the end. */
static void skip_hole(struct ring_reader *reader, uint64_t end)
{
	uint64_t number = reader->next + 1;
	unsigned int kind;

	while (number < end && published(reader, number, end, &kind) == 0)
		number++;
	reader->holes++;
	release(reader, number);
}

bool ring_read(struct ring_reader *reader, struct ring_record *record,
	       bool skip)
{
	for (;;) {
		uint64_t end = ring_end(reader);
		unsigned int kind;
		unsigned int count;

		if (end == reader->next)
			return false;
		count = published(reader, reader->next, end, &kind);
		if (count == 0) {
			if (!skip)
				return false;
			skip_hole(reader, end);
			continue;
		}
		for (unsigned int i = 0; i < count; i++)
			memcpy(record->bytes + (size_t)i * RING_PAYLOAD,
			       slot_at(reader, reader->next + i)->payload,
			       RING_PAYLOAD);
		record->size = (size_t)count * RING_PAYLOAD;
		record->bytes[record->size] = '\0';
		release(reader, reader->next + count);
		if (kind == 0 || kind >= RING_KIND_COUNT) {
			reader->holes++;
			continue;
		}
		record->kind = (enum ring_kind)kind;
		return true;
	}
}
