/*
 * The input is records: two bytes of length, one of kind, and so many bytes.
 * Each is read as from the ring, where a record is padded with zeros to whole
 * slots. The trace of all that must read as it was written.
 */
#include <string.h>

#include "command/decode.h"
#include "fuzz/again.h"
#include "fuzz/fuzz.h"

enum { HEADER = 3 };

static void fill_record(struct ring_record *record, const uint8_t *bytes,
			size_t size)
{
	memset(record->bytes, 0, sizeof(record->bytes));
	memcpy(record->bytes, bytes, size);
	record->size = (size + RING_PAYLOAD - 1) / RING_PAYLOAD * RING_PAYLOAD;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct ring_record record;
	static struct shown shown;
	struct render_trace render;
	struct decoder decoder;
	size_t written = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &written);

	if (!stream)
		return 0;
	shown_begin(&shown);
	render_trace_begin(&render, shown.session, stream);
	decoder_begin(&decoder, shown.session);
	while (size >= HEADER) {
		size_t length = (size_t)bytes[0] << 8 | bytes[1];

		record.kind = (enum ring_kind)(bytes[2] % RING_KIND_COUNT);
		bytes += HEADER;
		size -= HEADER;
		if (length > size)
			length = size;
		if (length > RING_RECORD_BYTES)
			length = RING_RECORD_BYTES;
		fill_record(&record, bytes, length);
		if (record.kind != 0)
			decode(&decoder, &record);
		bytes += length;
		size -= length;
	}
	for (struct process *process = shown.session->processes; process;
	     process = process->next) {
		if (!process->replaced_by)
			session_gone(shown.session, process, 1, NULL);
	}
	decoder_end(&decoder);
	session_over(shown.session);
	render_trace_end(&render);
	fclose(stream);
	shown_end(&shown);
	check_again(text, written);
	free(text);
	return 0;
}
