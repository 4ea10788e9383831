#include "model/build.h"

#include <elf.h>
#include <string.h>

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

bool build_from_notes(struct build *build, const void *notes, size_t size)
{
	const unsigned char *at = notes;

	/* The heads are alike for 32 and 64 bits. */
	while (size >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		size_t name;
		size_t length;

		memcpy(&note, at, sizeof(note));
		at += sizeof(note);
		size -= sizeof(note);
		name = padded(note.n_namesz);
		length = name + padded(note.n_descsz);
		if (length > size)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID &&
		    note.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    memcmp(at, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0 &&
		    note.n_descsz > 0) {
			*build = (struct build){ .is_id = true };
			build->size = note.n_descsz < BUILD_BYTES
					      ? note.n_descsz
					      : BUILD_BYTES;
			memcpy(build->bytes, at + name, build->size);
			return true;
		}
		at += length;
		size -= length;
	}
	return false;
}

void build_add_headers(struct build *build, const void *headers, size_t size)
{
	const unsigned char *at = headers;
	uint64_t sum = 0xcbf29ce484222325;
	uint64_t word;

	if (build->size == sizeof(sum))
		memcpy(&sum, build->bytes, sizeof(sum));
	/* ELF headers are whole words. */
	for (; size >= sizeof(word); size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		at += sizeof(word);
		sum = (sum ^ word) * 0x100000001b3;
		sum ^= sum >> 29;
	}
	build->size = sizeof(sum);
	memcpy(build->bytes, &sum, sizeof(sum));
}

bool build_equal(const struct build *one, const struct build *two)
{
	return memcmp(one, two, sizeof(*one)) == 0;
}
