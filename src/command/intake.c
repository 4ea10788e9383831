#include "command/intake.h"

#include <stdlib.h>
#include <string.h>

#include "command/say.h"

/* With so much in memory the ring is left to fill: what is lost is counted. */
static const size_t SAVED_MAX = (size_t)1 << 30;

struct saved {
	struct saved *next;
	uint64_t number; /* of its first slot */
	enum ring_kind kind;
	size_t size;
	unsigned char bytes[];
};

void intake_begin(struct intake *intake)
{
	intake->first = NULL;
	intake->last = &intake->first;
	intake->saved = 0;
}

static struct saved *take_first(struct intake *intake)
{
	struct saved *saved = intake->first;

	intake->first = saved->next;
	if (!intake->first)
		intake->last = &intake->first;
	intake->saved -= sizeof(*saved) + saved->size;
	return saved;
}

void intake_end(struct intake *intake)
{
	while (intake->first)
		free(take_first(intake));
}

static bool is_filling(const struct intake *intake)
{
	return ring_end(&intake->ring) - intake->ring.next >
	       intake->ring.slot_count / 4;
}

static void save_all(struct intake *intake)
{
	struct ring_record *record = &intake->record;
	uint64_t number = intake->ring.next;

	while (intake->saved < SAVED_MAX &&
	       ring_read(&intake->ring, record, false)) {
		struct saved *saved =
			need_memory(malloc(sizeof(*saved) + record->size));

		saved->next = NULL;
		saved->number = number;
		saved->kind = record->kind;
		saved->size = record->size;
		memcpy(saved->bytes, record->bytes, record->size);
		*intake->last = saved;
		intake->last = &saved->next;
		intake->saved += sizeof(*saved) + saved->size;
		number = intake->ring.next;
	}
}

bool intake_next(struct intake *intake, uint64_t end, bool skip)
{
	struct saved *saved;

	if (is_filling(intake))
		save_all(intake);
	if (!intake->first)
		return intake->ring.next < end &&
		       ring_read(&intake->ring, &intake->record, skip);
	if (intake->first->number >= end)
		return false;
	saved = take_first(intake);
	intake->record.kind = saved->kind;
	intake->record.size = saved->size;
	memcpy(intake->record.bytes, saved->bytes, saved->size);
	intake->record.bytes[saved->size] = '\0';
	free(saved);
	return true;
}

bool intake_is_behind(const struct intake *intake)
{
	return intake->first || is_filling(intake);
}
